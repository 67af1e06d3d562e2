"""``haukiem demo``: the season on an instance of its own, with progress, a summary, and how to look around."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.cli.clock import ClockHand
from deploy.cli.failing import Failure
from deploy.cli.session import AsJson, interruptible, out, print_json, run
from deploy.demo import run as season_run
from deploy.demo import script, summary
from deploy.local import stack
from deploy.local.instance import Instance
from shared.client import Addresses
from shared.client.ops import Progress as ServiceProgress
from shared.reference.calendar import VIETNAM

INSTANCE = "demo"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    weeks: Annotated[int | None, typer.Option(min=1, max=52, help="Only so many weeks of the season.")] = None,
    instance: Annotated[
        str, typer.Option("--instance", "-i", help="The stack to play it on; emptied first.")
    ] = INSTANCE,
    as_json: AsJson = False,
) -> None:
    """Play the season 2007/2008 of Broadway as pilots, from registration to the end. Exit code 0 only when all invariants hold."""
    if os.environ.get("HAUKIEM_OIDC_ISSUER"):
        raise Failure("The season's people sign in at the development issuer: unset HAUKIEM_OIDC_ISSUER.", 2)
    chosen = Instance(instance)
    console = Console(stderr=True, highlight=False, soft_wrap=True) if as_json else out()
    played = script.load()
    say = lambda line: console.print(line, markup=False)  # noqa: E731 -- a printer for the stack
    console.print(
        f"The season {played.season.opens:%Y}/{played.season.stops:%Y} begins on an empty stack {instance!r}."
    )
    with interruptible():
        stack.clean(chosen, say=lambda _: None)
        stack.up(chosen, clock=played.season.opens, say=say)
    found = _play(chosen, weeks, console)
    path = chosen.folder / "demo-summary.json"
    season_run.write(found, path)
    if as_json:
        print_json(found)
    else:
        summary.show(found, console)
        _look_around(console, path.as_posix())
    if not found.holds:
        raise typer.Exit(1)


def _play(chosen: Instance, weeks: int | None, console: Console) -> summary.Summary:
    place = season_run.Place(
        addresses=Addresses(**chosen.urls), kafka=chosen.kafka_bootstrap, hand=ClockHand(chosen), mint=chosen.mint
    )
    with _Watching(console, place.hand.now(), season_run.stop_of(weeks)) as watching:
        return run(season_run.play(place, weeks=weeks, told=watching.told, stepped=watching.stepped)).summary


class _Watching:
    """Progress while it runs: a bar in a terminal, and else a line for each act and each simulated month."""

    def __init__(self, console: Console, begins: datetime, ends: datetime) -> None:
        self._console = console
        self._begins = begins
        self._days = max(1, (ends - begins).days)
        self._month = ""
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn(),
            console=console, disable=not console.is_terminal, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=self._days)

    def __enter__(self) -> _Watching:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def told(self, at: datetime, what: str) -> None:
        self._console.print(f"{at.astimezone(VIETNAM):%Y-%m-%d %H:%M}  {what}", markup=False)

    def stepped(self, at: datetime, progress: Mapping[str, ServiceProgress]) -> None:
        local = at.astimezone(VIETNAM)
        self._bar.update(self._task, completed=(at - self._begins).days, description=f"{local:%d %B %Y}")
        if self._month != (month := f"{local:%B %Y}"):
            self._month = month
            if not self._console.is_terminal:
                self._console.print(f"-- {month} ({time.monotonic() - self._began:.0f} s)", markup=False)


def _look_around(console: Console, path: str) -> None:
    console.print("\nThe stack goes on running. Look around:", style="bold")
    for command, what in (
        ("haukiem queue", "the queue, with the reasons of each rank"),
        ("haukiem case <id or pilot code>", "a case with its evidence and timeline"),
        ("haukiem pilot <code>", "a pilot as its enterprise sees it"),
        ("haukiem replay <decision id>", "recompute what a decision stood on"),
        ("haukiem token officer", "a token to call the services with"),
        ("haukiem clock forward --to <instant>", "let time pass"),
        ("haukiem status, haukiem down", "what runs where; stop it all"),
    ):
        console.print(f"  {command:40} {what}", markup=False)
    console.print(f"The summary as JSON: {path}", markup=False)
