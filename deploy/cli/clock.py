"""The sandbox clock: show it, set it on an empty stack, move it forward to what is due."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from deploy.cli.failing import Failure
from deploy.cli.session import AsJson, InstanceName, out, print_json, run, signed_in
from deploy.cli.site import Site, instance_named, site_named
from deploy.cli.stack import instant
from deploy.demo.forward import forward as move_forward
from deploy.local import clockfile
from deploy.local.instance import Instance
from deploy.local.settings import MAIN
from shared.contracts.access.rule import Role
from shared.reference.calendar import VIETNAM

app = typer.Typer(help="The sandbox clock of the local stack.", no_args_is_help=True)


class ClockHand:
    """Moves the clock file of an instance."""

    def __init__(self, instance: Instance) -> None:
        self._file = instance.clock_file

    def now(self) -> datetime:
        return clockfile.read_clock(self._file)

    def move(self, to: datetime) -> None:
        clockfile.forward(self._file, to)


@app.command()
def show(instance: InstanceName = None, as_json: AsJson = False) -> None:
    """Where the clock stands."""
    now = ClockHand(instance_named(instance)).now()
    if as_json:
        print_json({"now": now.astimezone(VIETNAM).isoformat()})
    else:
        out().print(clockfile.told(now))


@app.command("set")
def set_(
    to: Annotated[str, typer.Argument(help="Such as 2026-07-06T08:00:00+07:00.", metavar="INSTANT")],
    instance: InstanceName = None,
) -> None:
    """Set the clock of a stack without data; it then starts on the sandbox clock."""
    chosen = Instance(instance) if instance else Instance.current()
    at = instant(to)
    clockfile.set_clock(chosen.clock_file, at, empty=not chosen.has_data)
    chosen.configure(clock=True)
    out().print(f"The clock of {chosen.name} stands at {clockfile.told(at)}. Start it with: {_start(chosen)}")


@app.command()
def forward(
    to: Annotated[
        str | None, typer.Option("--to", help="Go on until here; else only to the next thing due.", metavar="INSTANT")
    ] = None,
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """Move to the earliest due instant of the three services, wait for quiet, and go on."""
    chosen = instance_named(instance)
    goal = None if to is None else instant(to)
    hand = ClockHand(chosen)
    if goal is not None and goal < hand.now():
        raise Failure(f"The clock stands at {clockfile.told(hand.now())} and only goes forward.")
    steps = run(_forward(site_named(chosen.name), hand, goal))
    now = hand.now()
    if as_json:
        print_json({"now": now.astimezone(VIETNAM).isoformat(), "steps": steps})
    else:
        taken = "1 step" if steps == 1 else f"{steps} steps"
        out().print(f"{taken}; the clock stands at {clockfile.told(now)}")


async def _forward(site: Site, hand: ClockHand, goal: datetime | None) -> int:
    # Its own patience is in wait_for_quiet: a service that is away for a moment is asked again there.
    async with signed_in(site, Role.OPS, patience=2.0) as client:
        return await move_forward(hand, list(client.ops.values()), goal)


def _start(instance: Instance) -> str:
    return "haukiem up" if instance.name == MAIN else f"haukiem up --instance {instance.name}"
