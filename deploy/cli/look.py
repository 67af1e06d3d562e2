"""Look at the queue, at a case, at a pilot. Reads as an auditor does: everything, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.failing import Failure
from deploy.cli.session import AsJson, InstanceName, language, out, print_json, run, signed_in
from deploy.cli.site import Site, site_named
from shared.client import ApiProblem, Client
from shared.contracts.http.applications import PilotView
from shared.contracts.http.decisions import CaseView, DecisionView, ItemView, ProposalView, QueueRow
from shared.contracts.numbers import plain
from shared.reference.calendar import VIETNAM


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
        _print_row(out(), place, row)


def _print_row(console: Console, place: int, row: QueueRow) -> None:
    """Lines rather than a table: ids and reasons stay whole in a narrow terminal."""
    due = f" · due {when(row.due.instant)}" if row.due else ""
    risk = "" if row.risk is None else f" · risk {row.risk:.2f}"
    console.print(f"[bold]{place}. {row.title}[/] · {row.pilot_code} · {row.pilot_state}{due}{risk}")
    why = " ".join(reason.vi if language() == "vi" else reason.en for reason in row.reasons)
    console.print(f"   {why}", markup=False)
    for item in row.items:
        if item.state == "open":
            severity = f" ({item.severity})" if item.severity else ""
            console.print(f"   - {item.kind}: {item.subject}{severity}", markup=False)
    console.print(f"   {row.code} · haukiem case {row.case_id}", markup=False, style="dim")


async def _queue(site: Site) -> tuple[QueueRow, ...]:
    async with signed_in(site) as client:
        return await client.decisions.whole_queue()


def case(
    case_id: Annotated[str, typer.Argument(help="The case's id or code, or a pilot's id or code.")],
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """A case with its items, proposals, decisions and timeline."""
    found = run(_case(site_named(instance), case_id))
    if as_json:
        print_json(found)
    else:
        _print_case(out(), found)


async def _case(site: Site, name: str) -> CaseView:
    async with signed_in(site) as client:
        if (case_id := as_uuid(name)) is not None:
            try:
                return await client.decisions.case(case_id)
            except ApiProblem as problem:
                if problem.status != 404:
                    raise
        for row in await client.decisions.whole_queue():
            if name in (row.code, row.pilot_code, str(row.pilot_id)):
                return await client.decisions.case(row.case_id)
    raise Failure(f"There is no open case {name}. The queue: haukiem queue")


def _print_case(console: Console, found: CaseView) -> None:
    pilot_ = found.pilot
    console.print(f"[bold]{found.code}[/] · {found.state} · {pilot_.title} ({pilot_.code}), {pilot_.state}")
    console.print(f"{pilot_.organisation.name} · {pilot_.lead_authority} · tier {pilot_.tier}", markup=False)
    _section(console, "Items", (line for item in found.items for line in _item_lines(item)))
    _section(console, "Proposals", (line for one in found.proposals for line in _proposal_lines(one)))
    _section(console, "Decisions", (line for one in found.decisions for line in _decision_lines(one)))
    told = (f"{when(entry.at)}  {entry.vi if language() == 'vi' else entry.en}" for entry in found.timeline)
    _section(console, "Timeline", told)


def _section(console: Console, title: str, lines: Iterable[str]) -> None:
    """A titled part; nothing when there is nothing in it."""
    said = list(lines)
    if said:
        console.print(f"\n{title}", style="bold")
    for line in said:
        console.print(f"  {line}", markup=False)


def _item_lines(item: ItemView) -> Iterator[str]:
    severity = f" ({item.severity})" if item.severity else ""
    due = ""
    if item.paused:
        due = " · its clock is paused"
    elif item.due is not None:
        due = f" · {'was due' if item.overdue else 'due'} {when(item.due.instant)}"
    yield f"{item.kind}: {item.subject}{severity} · {item.state} · since {when(item.opened_at)}{due}"
    if item.resolved_at is not None:
        yield f"    resolved {when(item.resolved_at)}: {item.resolution}"


def _proposal_lines(one: ProposalView) -> Iterator[str]:
    yield f"{one.kind} · {one.state} · drafted {when(one.drafted_at)} by {one.proposer}"
    yield f"    {one.reasons}"


def _decision_lines(view: DecisionView) -> Iterator[str]:
    issued = view.decision
    signers = issued.proposer + (f" and {issued.second_signer}" if issued.second_signer else "")
    yield f"{issued.number} {issued.kind} · {when(issued.at)} · {signers} · {view.effect.replace('_', ' ')}"
    yield f"    rests on {len(issued.evidence)} facts · haukiem replay {issued.decision_id}"


def pilot(
    name: Annotated[str, typer.Argument(help="The pilot's id or its code HK-G16-YY-NNNNNN.", metavar="ID_OR_CODE")],
    instance: InstanceName = None,
    as_json: AsJson = False,
) -> None:
    """A pilot: its state and causes, what comes next, what remains of each cap, findings and decisions."""
    found = run(_pilot(site_named(instance), name))
    if as_json:
        print_json(found)
    else:
        _print_pilot(out(), found)


async def _pilot(site: Site, name: str) -> PilotView:
    async with signed_in(site) as client:
        return await client.applications.pilot(await pilot_id(client, name))


async def pilot_id(client: Client, name: str) -> UUID:
    """A pilot by its id or by the code that people quote. Raises :class:`Failure` when there is none."""
    if (found := as_uuid(name)) is not None:
        return found
    try:
        return (await client.decisions.register_entry(name)).pilot_id
    except ApiProblem as problem:
        if problem.status not in (404, 422):
            raise
    raise Failure(f"There is no pilot {name} in the register.")


def _print_pilot(console: Console, found: PilotView) -> None:
    ended = f" ({found.outcome})" if found.outcome else ""
    console.print(f"[bold]{found.code}[/] · {found.title} · [bold]{found.state}[/]{ended}")
    console.print(f"{found.organisation.name} · {found.lead_authority} · tier {found.tier}", markup=False)
    for cause in found.causes:
        console.print(f"  {cause.kind} since {when(cause.since)}", markup=False)
    console.print(f"starts {when(found.start_at)}, ends {when(found.end_at)} · {found.pilot_id}", markup=False)
    if found.next is not None:
        text = found.next.text_vi if language() == "vi" else found.next.text_en
        console.print(f"next: {text} ({found.next.holder}) {when(found.next.due)}", markup=False)
    caps = Table(title="Caps", title_justify="left")
    for column in ("metric", "window", "used", "limit", "remaining"):
        caps.add_column(column, justify="right" if column in ("used", "limit", "remaining") else "left")
    for cap in found.caps:
        used = "" if cap.value is None else plain(cap.value)
        remaining = "" if cap.remaining is None else plain(cap.remaining)
        caps.add_row(cap.metric, cap.window, used, plain(cap.limit), remaining)
    console.print(caps)
    for finding in found.findings:
        cleared = f", cleared {when(finding.cleared_at)} ({finding.clear_reason})" if finding.cleared_at else ""
        console.print(
            f"{when(finding.opened_at)}  {finding.severity} {finding.rule} {finding.subject}{cleared}", markup=False
        )
    for decision in found.decisions:
        console.print(
            f"{when(decision.at)}  {decision.number} {decision.kind}: {decision.public_reasons}", markup=False
        )


def when(instant: datetime | None) -> str:
    """An instant as people of the office read it; empty for none."""
    return "" if instant is None else f"{instant.astimezone(VIETNAM):%Y-%m-%d %H:%M}"


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
