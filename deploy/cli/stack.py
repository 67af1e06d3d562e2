"""The local stack: up, down, status, logs, clean, doctor, token."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from deploy.cli.failing import NOT_RUNNING, Failure
from deploy.cli.session import AsJson, InstanceName, InstanceToStart, OneOrAll, interruptible, out, print_json
from deploy.cli.site import instance_named
from deploy.local import doctor as local_doctor
from deploy.local import show, stack
from deploy.local.instance import Instance
from deploy.local.settings import MAIN, LogLevel
from deploy.local.status import StackState
from shared.contracts.access.rule import Role
from shared.reference.calendar import VIETNAM


def register(app: typer.Typer) -> None:
    for command in (up, down, status, logs, clean, doctor, token):
        app.command()(command)


def up(
    instance: InstanceToStart = None,
    brokers: Annotated[int | None, typer.Option(help="1 or 3 Kafka brokers; fixed once there is data.")] = None,
    split: Annotated[bool | None, typer.Option(help="Each service's relay as a process of its own.")] = None,
    clock: Annotated[
        str | None, typer.Option(help="Start an empty stack on the sandbox clock, at this instant.", metavar="INSTANT")
    ] = None,
    log_level: Annotated[LogLevel | None, typer.Option(case_sensitive=False, help="How much the services log.")] = None,
) -> None:
    """Bring everything up in the background."""
    chosen = Instance(instance or MAIN)
    at = None if clock is None else instant(clock)
    with interruptible():
        running = stack.up(chosen, brokers=brokers, split=split, clock=at, log_level=log_level)
    show.show_stack(chosen, running)


def down(instance: OneOrAll = None) -> None:
    """Stop every stack of this folder, or one; data stays."""
    for one in _chosen(instance):
        stack.down(one)


def clean(
    instance: OneOrAll = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, even when several stacks have data.")] = False,
) -> None:
    """Stop every stack of this folder, or one, and remove its data."""
    chosen = _chosen(instance)
    for one in chosen:
        out().print(f"{_what_is_lost(one)} in {one.folder}", markup=False)
    several = len([one for one in chosen if one.has_data]) > 1
    if several and not yes and sys.stdin.isatty() and not typer.confirm("Remove all of this?"):
        raise Failure("Nothing was removed. One stack alone: haukiem clean -i NAME")
    for one in chosen:
        stack.clean(one)


def _what_is_lost(one: Instance) -> str:
    status = stack.current_status(one)
    runs = " (it runs, and is stopped)" if status is not None and status.supervised else ""
    return f"{one.name}{runs}: {'all data' if one.has_data else 'logs and settings'}"


def status(instance: InstanceName = None, as_json: AsJson = False) -> None:
    """What runs where; exit code 0 when all is up, 3 when it is not."""
    chosen = instance_named(instance)
    found = stack.current_status(chosen)
    if found is None:
        raise Failure(f"The stack {chosen.name} is not running. Start it with: make up", NOT_RUNNING)
    if as_json:
        print_json(found)
    else:
        show.show_stack(chosen, found, people=False)
    if not (found.supervised and found.state is StackState.UP):
        raise typer.Exit(NOT_RUNNING)


def logs(
    part: Annotated[str | None, typer.Argument(help="One part alone, such as monitoring or kafka.")] = None,
    instance: InstanceName = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0)] = 20,
) -> None:
    """The end of the logs."""
    stack.logs(instance_named(instance), part, lines=lines, following=follow)


def doctor(instance: InstanceName = None) -> None:
    """Is this machine able to run the stack?"""
    findings = local_doctor.examine(Instance(instance) if instance else Instance.current())
    show.show_findings(findings)
    if any(finding.verdict is local_doctor.Verdict.BAD for finding in findings):
        raise typer.Exit(1)


def token(
    role: Annotated[Role, typer.Argument(help="Which role the token is for.")],
    sub: Annotated[str | None, typer.Option(help="Which person; else the first of the role.")] = None,
    org: Annotated[str | None, typer.Option(help="A startup's tax code.")] = None,
    authority: Annotated[str | None, typer.Option(help="An officer's or supervisor's office.")] = None,
    instance: InstanceName = None,
) -> None:
    """An access token of the development issuer, to call the services with."""
    sys.stdout.write(instance_named(instance).mint(role, sub, org=org, authority=authority) + "\n")


def instant(text: str) -> datetime:
    """An instant with its offset, such as 2026-07-06T08:00:00+07:00. Raises :class:`Failure`."""
    try:
        found = datetime.fromisoformat(text)
        example = found.replace(tzinfo=VIETNAM)
        # Midnight of a year that UTC does not have is no instant either.
        (found if found.tzinfo else example).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Failure(f"{text!r} is no instant. Write for example 2026-07-06T08:00:00+07:00", 2) from None
    if found.tzinfo is None:
        raise Failure(f"{text} has no offset from UTC. Write for example {example.isoformat()}", 2)
    return found


def _chosen(name: str | None) -> list[Instance]:
    found = [instance_named(name)] if name else stack.instances()
    if not found:
        out().print("There is no stack here.")
    return found
