"""Everything that can be seen from outside at the end of a season, read once: over HTTP as an auditor, and the event log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from deploy.cli.eventlog import EventLog, Logged
from deploy.demo.stage import Stage
from shared.client import Client
from shared.client.ops import Progress
from shared.contracts.events.decisions import CaseClosed, CaseOpened
from shared.contracts.http.applications import HistoryEntry, PilotView
from shared.contracts.http.decisions import CaseView, ChainView, DecisionView, QueueRow, Statistics
from shared.contracts.http.monitoring import FindingView, ReportRow, Usage


@dataclass(frozen=True)
class Seen:
    """``shows`` name pilots; ``cases`` are all that ever were, by id."""

    shows: Mapping[UUID, str]
    pilots: Mapping[UUID, PilotView]
    histories: Mapping[UUID, tuple[HistoryEntry, ...]]
    findings: tuple[FindingView, ...]
    reports: Mapping[UUID, tuple[ReportRow, ...]]
    usage: Mapping[UUID, Usage]
    queue: tuple[QueueRow, ...]
    cases: Mapping[UUID, CaseView]
    decisions: Mapping[UUID, DecisionView]
    chains: Mapping[str, ChainView]
    statistics: Statistics
    progress: Mapping[str, Progress]
    log: tuple[Logged, ...]

    def show(self, pilot_id: UUID) -> str:
        return self.shows.get(pilot_id, str(pilot_id))

    def opened_cases(self) -> dict[UUID, UUID]:
        """Every case that the log says was opened, and its pilot."""
        return {one.event.case_id: one.event.pilot_id for one in self.log if isinstance(one.event, CaseOpened)}

    def closed_cases(self) -> set[UUID]:
        return {one.event.case_id for one in self.log if isinstance(one.event, CaseClosed)}


async def look(stage: Stage, log: EventLog) -> Seen:
    """Read it all. The services must be quiet."""
    client = stage.auditor
    records = tuple(await log.whole())
    rows = await client.applications.all_pilots()
    pilots = {row.pilot_id: await client.applications.pilot(row.pilot_id) for row in rows}
    decisions: dict[UUID, DecisionView] = {}
    for pilot_id in pilots:
        for line in await client.decisions.decisions_of(pilot_id):
            decisions[line.decision_id] = await client.decisions.decision(line.decision_id)
    opened = {one.event.case_id for one in records if isinstance(one.event, CaseOpened)}
    return Seen(
        shows={pilot_id: show for show, pilot_id in stage.ledger.pilots.items()},
        pilots=pilots,
        histories={pilot_id: await client.applications.history(pilot_id) for pilot_id in pilots},
        findings=await client.monitoring.findings(),
        reports={pilot_id: await _reports(client, pilot_id) for pilot_id in pilots},
        usage={pilot_id: await client.monitoring.usage(pilot_id) for pilot_id in pilots},
        queue=await client.decisions.whole_queue(),
        cases={case_id: await client.decisions.case(case_id) for case_id in opened},
        decisions=decisions,
        chains={
            authority: await client.decisions.chain(authority)
            for authority in sorted({view.decision.authority for view in decisions.values()})
        },
        statistics=await client.decisions.statistics(),
        progress={name: await ops.progress() for name, ops in stage.ops.ops.items()},
        log=records,
    )


async def _reports(client: Client, pilot_id: UUID) -> tuple[ReportRow, ...]:
    rows: list[ReportRow] = []
    cursor: str | None = None
    while True:
        page = await client.monitoring.reports(pilot_id, cursor=cursor)
        rows += page.items
        if (cursor := page.next) is None:
            return tuple(rows)
