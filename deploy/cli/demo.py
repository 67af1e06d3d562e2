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
from deploy.demo import script, season, summary
from deploy.demo.look import Seen
from deploy.demo.tour import tour
from deploy.local import stack
from deploy.local.instance import Instance
from deploy.local.settings import Asked, Past, settle
from shared.client import Addresses
from shared.client.ops import Progress as ServiceProgress
from shared.reference.calendar import VIETNAM

INSTANCE = "demo"
BY_ITSELF = "»"


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    weeks: Annotated[int | None, typer.Option(min=1, max=52, help="Only so many weeks of the season.")] = None,
    instance: Annotated[
        str, typer.Option("--instance", "-i", help="The stack to play it on; emptied first.")
    ] = INSTANCE,
    as_json: AsJson = False,
) -> None:
    """Play a season of Broadway as pilots, from registration to the end. Exit code 0 only when all invariants hold.

    The figures are those of the season 2007/2008, played on the calendar of 2026/2027.
    """
    if os.environ.get("HAUKIEM_OIDC_ISSUER"):
        raise Failure("The season's people sign in at the development issuer: unset HAUKIEM_OIDC_ISSUER.", 2)
    chosen = Instance(instance)
    console = Console(stderr=True, highlight=False, soft_wrap=True) if as_json else out()
    played = script.load()
    say = lambda line: console.print(line, markup=False)  # noqa: E731 -- a printer for the stack
    for line in beginning(played, instance):
        console.print(line, markup=False)
    settle(
        chosen.name, Past(), Asked(clock=True), os.environ
    )  # a wrong setting is refused before the last season is gone
    with interruptible():
        stack.clean(chosen, say=lambda _: None)
        stack.up(chosen, clock=played.season.opens, say=say)
    ended = _play(chosen, weeks, console)
    found = ended.summary
    path = chosen.folder / "demo-summary.json"
    season_run.write(found, path)
    if as_json:
        print_json(found)
    else:
        summary.show(found, console)
        _look_around(console, ended.seen, path.as_posix())
    if not found.holds:
        raise typer.Exit(1)


def beginning(played: script.Script, instance: str) -> tuple[str, ...]:
    """What the screen says first: whose figures these are, when they are played, and how to read what follows."""
    opens, stops = played.season.opens, played.season.stops
    return (
        f"The figures of Broadway's season {season.FIRST_WEEK:%Y}/{season.LAST_WEEK:%Y}, played on the calendar of "
        f"{opens:%Y}/{stops:%Y}, on an empty stack {instance!r}.",
        f"Times are Vietnam's (+07:00). {BY_ITSELF} marks what the system does by itself; the other lines are people's acts.",
    )


def _play(chosen: Instance, weeks: int | None, console: Console) -> season_run.Played:
    place = season_run.Place(
        addresses=Addresses(**chosen.urls), kafka=chosen.kafka_bootstrap, hand=ClockHand(chosen), mint=chosen.mint
    )
    with _Watching(console, place.hand.now(), season_run.stop_of(weeks)) as watching:
        return run(
            season_run.play(place, weeks=weeks, told=watching.told, noticed=watching.noticed, stepped=watching.stepped)
        )


class _Watching:
    """A line for each act and for what the system does by itself; a bar in a terminal, and else a line for each simulated month."""

    def __init__(self, console: Console, begins: datetime, ends: datetime) -> None:
        self._console = console
        self._begins = begins
        self._days = max(1, (ends - begins).days)
        self._month: datetime | None = None
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
        self._line(at, f"  {what}", "")

    def noticed(self, at: datetime, what: str) -> None:
        self._line(at, f"{BY_ITSELF} {what}", "cyan")

    def _line(self, at: datetime, what: str, style: str) -> None:
        self._turn_to(at)
        self._console.print(f"{at.astimezone(VIETNAM):%Y-%m-%d %H:%M}  {what}", markup=False, style=style)

    def stepped(self, at: datetime, progress: Mapping[str, ServiceProgress]) -> None:
        local = at.astimezone(VIETNAM)
        self._bar.update(self._task, completed=(at - self._begins).days, description=f"{local:%d %B %Y}")

    def _turn_to(self, at: datetime) -> None:
        """A heading where a month begins. What is told of an earlier instant stands under the month that has begun."""
        month = at.astimezone(VIETNAM).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        if self._month is None or month > self._month:
            self._month = month
            if not self._console.is_terminal:
                self._console.print(f"-- {month:%B %Y} ({time.monotonic() - self._began:.0f} s)", markup=False)


def _look_around(console: Console, seen: Seen, path: str) -> None:
    console.print("\nThe stack goes on running. Look around (alias haukiem=.venv/bin/haukiem):", style="bold")
    for command, what in tour(seen):
        console.print(f"  {command}", markup=False)
        console.print(f"      {what}", markup=False, style="dim")
    console.print(f"The summary as JSON: {path}", markup=False)
