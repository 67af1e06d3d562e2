"""``haukiem replay``: recompute from the log what a decision stood on, and say whether it is identical."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from rich.console import Console

from deploy.cli.eventlog import event_log
from deploy.cli.failing import Failure
from deploy.cli.lines import when
from deploy.cli.replaying import Ambiguous, Replay, UnknownDecision, Wanted
from deploy.cli.replaying import replay as replay_one
from deploy.cli.replaying import replay_all as replay_each
from deploy.cli.session import AsJson, InstanceName, out, print_json, run
from deploy.cli.site import Site, site_named
from shared.contracts.events.decisions import DecisionIssued
from shared.reference.load import load_calendar


def register(app: typer.Typer) -> None:
    app.command()(replay)


def replay(
    decision: Annotated[str | None, typer.Argument(help="The decision's id or number.")] = None,
    authority: Annotated[str | None, typer.Option(help="Of which authority, where a number is not enough.")] = None,
    pilot: Annotated[
        str | None, typer.Option(help="About which pilot (id or code), where a number is not enough.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Replay every decision of the log.")] = False,
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """Recompute from the event log alone what a decision stood on; check hashes and chain. Exit code 1 when anything differs."""
    if all_ == (decision is not None):
        raise Failure("Name one decision, or say --all.", 2)
    if all_ and (authority or pilot):
        raise Failure("--authority and --pilot go with a number, not with --all.", 2)
    wanted = Wanted(decision, authority, pilot) if decision is not None else None
    with Console(stderr=True).status("Reading the log …"):  # shown in a terminal only
        replays = run(_replay(site_named(instance), wanted))
    found = []
    for one in replays:
        found.append(one)
        if not as_json:
            _print(one, details=not all_)
    if as_json:
        print_json([{**one.model_dump(mode="json"), "identical": one.identical} for one in found])
    if not all(one.identical for one in found):
        raise typer.Exit(1)


async def _replay(site: Site, wanted: Wanted | None) -> Iterable[Replay]:
    if site.kafka is None:
        raise Failure("The log is read from Kafka itself: set HAUKIEM_KAFKA.", 2)
    calendar = load_calendar()
    async with event_log(site.kafka, site.security) as log:
        if wanted is None:
            return await replay_each(log, calendar)
        try:
            return [await replay_one(log, wanted, calendar)]
        except UnknownDecision as error:
            raise Failure(f"{error}\n  All there are: haukiem replay --all") from error
        except Ambiguous as error:
            raise Failure(_candidates(error.candidates), 2) from error


def _candidates(found: Sequence[DecisionIssued]) -> str:
    lines = [f"  {when(one.at)} {one.kind} of {one.authority}: haukiem replay {one.decision_id}" for one in found]
    return "\n".join([f"{len(found)} decisions have the number {found[0].number}. Name one by its id:", *lines])


def _print(found: Replay, *, details: bool) -> None:
    verdict = "[green]identical[/]" if found.identical else "[red]different[/]"
    out().print(f"{when(found.at)} {found.number} {found.kind} of {found.authority}: {verdict} ({found.decision_id})")
    for check in found.checks:
        if details or not check.holds:
            out().print(f"  {'ok  ' if check.holds else 'DIFF'} {check.what}", markup=False)
        if not check.holds:
            out().print(f"       {check.difference}", markup=False)
