"""What every command stands on: who it signs in as, how it prints, and how an error is told."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console

from deploy.cli.failing import INTERRUPTED, NOT_RUNNING, REFUSED, Failure
from deploy.cli.site import Site
from deploy.local import show
from deploy.local.errors import StackError
from shared.client import ApiProblem, Client, ClientError, Patience, Unreachable
from shared.contracts.access.rule import Role

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
InstanceName = Annotated[
    str | None, typer.Option("--instance", "-i", help="Which stack; else the one started last.", show_default=False)
]
InstanceToStart = Annotated[
    str | None, typer.Option("--instance", "-i", help="Which stack; else main.", show_default=False)
]
OneOrAll = Annotated[
    str | None, typer.Option("--instance", "-i", help="Which stack; else all of this folder.", show_default=False)
]


def out() -> Console:
    """Where results go: colours in a terminal, plain lines elsewhere."""
    return show.console()


def say_what_the_terminal_can() -> None:
    """A terminal that has no Vietnamese letters shows a question mark for each, rather than ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def language() -> str:
    """``vi`` where the terminal's language is Vietnamese, else ``en``."""
    return "vi" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("vi") else "en"


@asynccontextmanager
async def signed_in(
    site: Site, role: Role = Role.AUDITOR, sub: str | None = None, *, patience: float = 3.0
) -> AsyncIterator[Client]:
    """The three services as ``role`` sees them. An auditor reads everything and changes nothing."""
    token = site.token(role, sub)
    async with Client(site.addresses, lambda: token, patience=Patience(patience), language=language()) as client:
        yield client


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends the command, not what runs in the background: say so."""
    try:
        yield
    except KeyboardInterrupt:
        said = "Interrupted. What runs goes on in the background: haukiem status, haukiem down"
        raise Failure(said, INTERRUPTED) from None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one command's work to its end."""
    with interruptible():
        return asyncio.run(work)


def print_json(value: BaseModel | Any) -> None:
    """One JSON document on standard output."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    elif isinstance(value, list | tuple):
        value = [one.model_dump(mode="json") if isinstance(one, BaseModel) else one for one in value]
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def explain(error: Exception) -> tuple[str, int]:
    """An expected error as what to say and the exit code to end with."""
    match error:
        case Failure():
            return error.message, error.code
        case ApiProblem():
            lines = [f"{error.detail} ({error.code}, HTTP {error.status})"]
            spoken = language()
            lines += [f"  {one.pointer or '/'}: {one.vi if spoken == 'vi' else one.en}" for one in error.problems[1:]]
            return "\n".join(lines), REFUSED
        case Unreachable():
            return f"{error}\nIs it running? See: haukiem status", NOT_RUNNING
        case StackError() | ClientError():
            return str(error), REFUSED
        case _:
            raise error
