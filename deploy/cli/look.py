"""Look at the queue, at a case, at a pilot. Reads as an auditor does: everything, and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from deploy.cli import lines
from deploy.cli.failing import Failure
from deploy.cli.lines import said
from deploy.cli.session import AsJson, InstanceName, out, print_json, run, signed_in
from deploy.cli.site import Site, site_named
from shared.client import ApiProblem, Client
from shared.contracts.http.applications import PilotView
from shared.contracts.http.decisions import CaseLine, CaseView, QueueRow

_CASE_CODE = re.compile(r"(?P<pilot>.+)-C[0-9]+")


def register(app: typer.Typer) -> None:
    for command in (queue, case, pilot):
        app.command()(command)


def queue(instance: InstanceName = None, as_json: AsJson = False) -> None:
    """The ranked queue, each case with the reasons of its rank."""
    rows = run(_queue(site_named(instance)))
    if as_json:
        print_json(rows)
        return
    if not rows:
        out().print("The queue is empty.")
        return
    for place, row in enumerate(rows, start=1):
        for line, style in lines.queue_lines(place, row):
            out().print(line, markup=False, style=style)
    _zone(out())


async def _queue(site: Site) -> tuple[QueueRow, ...]:
    async with signed_in(site) as client:
        return await client.decisions.whole_queue()


def case(
    case_id: Annotated[
        str, typer.Argument(help="The case's id or code, or a pilot's id or code: its open or last case.")
    ],
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """A case with its items, what they rest on, proposals, decisions and timeline. Closed ones too."""
    found, others = run(_case(site_named(instance), case_id))
    if as_json:
        print_json(found)
    else:
        _print_case(out(), found, others)


async def _case(site: Site, name: str) -> tuple[CaseView, tuple[CaseLine, ...]]:
    async with signed_in(site) as client:
        found = await _named_case(client, name)
        return found, await client.decisions.cases_of(found.pilot.pilot_id)


async def _named_case(client: Client, name: str) -> CaseView:
    """A case by its id or code; or of the pilot of this id or code the open one, else the last."""
    if (case_id := as_uuid(name)) is not None:
        try:
            return await client.decisions.case(case_id)
        except ApiProblem as problem:
            if problem.status != 404:
                raise
    coded = _CASE_CODE.fullmatch(name.upper())
    try:
        known = await client.decisions.cases_of(await pilot_id(client, coded["pilot"] if coded else name))
    except ApiProblem as problem:
        if problem.status != 404:
            raise
        known = ()
    except Failure:
        known = ()
    fitting = [one for one in known if coded is None or one.code == name.upper()]
    if not fitting:
        raise Failure(f"There is no case {name}, and no pilot of that name with one. The queue: haukiem queue")
    chosen = next((one for one in fitting if one.state != "closed"), fitting[0])
    return await client.decisions.case(chosen.case_id)


def _print_case(console: Console, found: CaseView, all_cases: Iterable[CaseLine]) -> None:
    pilot_ = found.pilot
    head = f"{found.code} · {found.state} · {pilot_.title} ({pilot_.code}), {said(pilot_.state)}"
    console.print(head, markup=False, style="bold")
    for line in lines.case_head(found):
        console.print(line, markup=False)
    _section(console, "Items", lines.item_lines(found))
    _section(console, "Proposals", lines.proposal_lines(found))
    _section(console, "Decisions", lines.decision_lines(found))
    _section(console, "Timeline of the pilot", lines.timeline_lines(found))
    others = [f"haukiem case {one.code} ({one.state})" for one in all_cases if one.case_id != found.case_id]
    _section(console, "Other cases of the pilot", others)
    _zone(console)


def _section(console: Console, title: str, told: Iterable[str]) -> None:
    """A titled part; nothing when there is nothing in it."""
    listed = list(told)
    if listed:
        console.print(f"\n{title}", style="bold")
    for line in listed:
        console.print(f"  {line}", markup=False)


def _zone(console: Console) -> None:
    console.print("\nAll times are Vietnam's (+07:00).", style="dim")


def pilot(
    name: Annotated[str, typer.Argument(help="The pilot's id or its code HK-G16-YY-NNNNNN.", metavar="ID_OR_CODE")],
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """A pilot: its state and causes, what comes next, what remains of each cap, open requests, findings and decisions."""
    found = run(_pilot(site_named(instance), name))
    if as_json:
        print_json(found)
    else:
        _print_pilot(out(), found)


async def _pilot(site: Site, name: str) -> PilotView:
    async with signed_in(site) as client:
        return await client.applications.pilot(await pilot_id(client, name))


async def pilot_id(client: Client, name: str) -> UUID:
    """A pilot by its id or by the code that people quote, in capitals or not. Raises :class:`Failure` when there is none."""
    if (found := as_uuid(name)) is not None:
        return found
    try:
        return (await client.decisions.register_entry(name.upper())).pilot_id
    except ApiProblem as problem:
        if problem.status not in (404, 422):
            raise
    raise Failure(f"There is no pilot {name} in the register.")


def _print_pilot(console: Console, found: PilotView) -> None:
    ended = f" ({said(found.outcome)})" if found.outcome else ""
    console.print(f"{found.code} · {found.title} · {said(found.state)}{ended}", markup=False, style="bold")
    for line in lines.pilot_head(found):
        console.print(line, markup=False)
    _section(console, "Caps", lines.cap_lines(found.caps))
    _section(console, "Open requests", lines.request_lines(found.pilot_id, found.requests))
    _section(console, "Findings", lines.finding_lines(found.findings))
    _section(console, "Decisions", lines.pilot_decision_lines(found.decisions))
    _zone(console)


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
