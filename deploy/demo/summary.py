"""What a season came to, in figures. ``comparable`` holds no times and no ids: two runs of one season have it equal, whatever died."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from rich.console import Console
from rich.table import Table

from deploy.demo.invariants import Invariant
from deploy.demo.look import Seen
from deploy.demo.stage import Stage
from shared.contracts.base import Contract, Instant
from shared.contracts.numbers import plain
from shared.reference.calendar import VIETNAM


class PilotLine(Contract):
    show: str
    state: str
    outcome: str | None
    envelope_version: int
    decisions: dict[str, int]
    used: dict[str, str]


class FindingLine(Contract):
    """A finding without its times."""

    show: str
    rule: str
    subject: str
    severity: str
    escalated: bool
    reason: str | None


class Comparable(Contract):
    """Sorted throughout."""

    pilots: tuple[PilotLine, ...]
    reports: int
    samples: int
    findings: tuple[FindingLine, ...]
    findings_by_rule: dict[str, int]
    findings_by_pilot: dict[str, int]
    cases_opened: int
    cases_closed: int
    measures: dict[str, int]
    decisions: dict[str, int]
    without_effect: int
    queue: tuple[tuple[str, tuple[str, ...]], ...]
    """The shows with an open case, and the kinds of their open items."""


class FindingTimes(Contract):
    """A finding with the instants of its life in the domain's time."""

    show: str
    rule: str
    subject: str
    severity: str
    opened: Instant
    escalated: Instant | None
    cleared: Instant | None
    reason: str | None


class Summary(Contract):
    """``wall_seconds`` and ``steps`` (of the clock) tell how the run went."""

    comparable: Comparable
    findings: tuple[FindingTimes, ...]
    invariants: tuple[Invariant, ...]
    opened: Instant
    stopped: Instant
    wall_seconds: float
    steps: int

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.invariants)


def summarise(
    stage: Stage, seen: Seen, invariants: tuple[Invariant, ...], stopped: datetime, wall_seconds: float, steps: int
) -> Summary:
    """Put together what was seen."""
    return Summary(
        comparable=comparable(stage, seen),
        findings=tuple(
            sorted(
                (
                    FindingTimes(
                        show=seen.show(one.pilot_id),
                        rule=one.rule,
                        subject=one.subject,
                        severity=one.severity,
                        opened=one.opened_at,
                        escalated=one.escalated_at,
                        cleared=one.cleared_at,
                        reason=one.clear_reason,
                    )
                    for one in seen.findings
                ),
                key=lambda one: (one.opened, one.show, one.rule, one.subject),
            )
        ),
        invariants=invariants,
        opened=stage.script.season.opens,
        stopped=stopped,
        wall_seconds=round(wall_seconds, 1),
        steps=steps,
    )


def comparable(stage: Stage, seen: Seen) -> Comparable:
    """All that must be the same, whoever died on the way."""
    accepted = [row for rows in seen.reports.values() for row in rows if row.state == "accepted"]
    findings = sorted(
        (
            FindingLine(
                show=seen.show(one.pilot_id),
                rule=one.rule,
                subject=one.subject,
                severity=one.severity,
                escalated=one.escalated_at is not None,
                reason=one.clear_reason,
            )
            for one in seen.findings
        ),
        key=lambda one: one.model_dump_json(),
    )
    return Comparable(
        pilots=tuple(_pilots(seen)),
        reports=len(accepted),
        samples=sum(row.samples for row in accepted),
        findings=tuple(findings),
        findings_by_rule=_counted(one.rule for one in findings),
        findings_by_pilot=_counted(one.show for one in findings),
        cases_opened=len(seen.opened_cases()),
        cases_closed=len(seen.closed_cases()),
        measures=_counted(
            {one.measure_id: one.state for case in seen.cases.values() for one in case.measures}.values()
        ),
        decisions=_counted(view.decision.kind for view in seen.decisions.values()),
        without_effect=sum(view.effect == "without_effect" for view in seen.decisions.values()),
        queue=tuple(
            sorted(
                (seen.show(row.pilot_id), tuple(sorted(item.kind for item in row.items if item.state == "open")))
                for row in seen.queue
            )
        ),
    )


def _pilots(seen: Seen) -> Iterable[PilotLine]:
    for pilot_id, pilot in sorted(seen.pilots.items(), key=lambda one: seen.show(one[0])):
        mine = [view for view in seen.decisions.values() if view.decision.pilot_id == pilot_id]
        yield PilotLine(
            show=seen.show(pilot_id),
            state=pilot.state,
            outcome=pilot.outcome,
            envelope_version=pilot.envelope.version,
            decisions=_counted(view.decision.kind for view in mine),
            used={
                f"{row.metric}/{row.window}": plain(row.value)
                for row in sorted(seen.usage[pilot_id].rows, key=lambda row: (row.metric, row.window))
            },
        )


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(str(one) for one in values).items()))


# For people


def show(summary: Summary, out: Console) -> None:
    """Print it: figures, findings by rule and pilot, and the invariants."""
    figures = summary.comparable
    out.print(_figures_table(summary))
    rules = list(figures.findings_by_rule)
    table = Table(title="Findings by rule and pilot", title_justify="left", title_style="bold")
    table.add_column("pilot", overflow="fold")
    table.add_column("state", overflow="fold")
    for column in (*rules, "decisions"):
        table.add_column(column.replace("_", " "), justify="right")
    for pilot in figures.pilots:
        mine = Counter(one.rule for one in figures.findings if one.show == pilot.show)
        state = (pilot.outcome or pilot.state).replace("_", " ")
        decided = sum(pilot.decisions.values())
        table.add_row(pilot.show, state, *(str(mine[rule] or "") for rule in rules), str(decided or ""))
    table.add_section()
    totals = (str(figures.findings_by_rule[rule]) for rule in rules)
    table.add_row("all", "", *totals, str(sum(figures.decisions.values())))
    out.print(table)
    checks = Table(title="Invariants", title_justify="left", title_style="bold")
    for column in ("no.", "what", "looked at", "holds"):
        checks.add_column(column, overflow="fold")
    for one in summary.invariants:
        verdict = "[green]yes[/]" if one.holds else "[red]no[/]"
        checks.add_row(str(one.number), one.what, str(one.looked_at), verdict)
    out.print(checks)
    for one in summary.invariants:
        for fault in one.faults[:5]:
            out.print(f"invariant {one.number} is broken: {fault}", style="red", markup=False)


def _figures_table(summary: Summary) -> Table:
    figures = summary.comparable
    table = Table(title="The season", title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    listed = {
        "pilots": _said(Counter(one.outcome or one.state for one in figures.pilots)),
        "reports, samples": f"{figures.reports}, {figures.samples}",
        "findings": str(len(figures.findings)),
        "cases": f"{figures.cases_opened} opened, {figures.cases_closed} closed",
        "interim measures": _said(figures.measures),
        "decisions": f"{sum(figures.decisions.values())}: {_said(figures.decisions)}",
        "simulated time": f"{_day(summary.opened)} to {_day(summary.stopped)}",
        "real time": f"{summary.wall_seconds:.0f} s, {summary.steps} steps of the clock",
    }
    for name, said in listed.items():
        table.add_row(name, said)
    return table


def _said(counts: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(counts.items()))


def _day(instant: datetime) -> str:
    return f"{instant.astimezone(VIETNAM):%d %B %Y %H:%M}"
