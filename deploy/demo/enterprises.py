"""What the enterprises of the season do: file, report, reply, withdraw. Each signs in as itself and speaks HTTP alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from deploy.demo.script import FinalReporting, Replying, Reporting
from deploy.demo.season import WeekReport
from deploy.demo.stage import Stage
from shared.contracts.events.applications import FinalCriterion
from shared.contracts.events.monitoring import RuleCode
from shared.contracts.http.applications import ApplicationStatus, FinalReportSent, PeriodicReportSent
from shared.contracts.http.monitoring import ReportSent
from shared.reference.calendar import VIETNAM


class NotAsScripted(Exception):
    """The season took another course than the script's people expect; the message says which."""


async def file_applications(stage: Stage) -> None:
    """Every enterprise files its application; all must be registered at once, without a person."""
    for show in stage.shows.values():
        filed = await stage.enterprise(show.name).applications.file(
            show.dossier(stage.script.application), key=f"demo-file-{show.number}"
        )
        if filed.status is not ApplicationStatus.REGISTERED:
            said = "; ".join(f"{one.pointer} {one.code}: {one.en}" for one in filed.problems)
            raise NotAsScripted(f"the application of {show.name} was not registered but {filed.status}: {said}")
        stage.ledger.pilots[show.name] = filed.pilot_id
        stage.ledger.codes[show.name] = filed.code


async def report_week(stage: Stage, show: str, report: WeekReport) -> None:
    """Send one show's weekly figures."""
    taken = await stage.enterprise(show).monitoring.report(
        stage.pilot(show), ReportSent(samples=report.samples), key=f"demo-week-{report.ending.isoformat()}"
    )
    stage.ledger.reports[show, taken.sequence] = report


async def reply(stage: Stage, act: Replying) -> None:
    """Answer the request that a proposal made of the enterprise."""
    proposed = stage.proposals[act.proposal]
    taken = await stage.enterprise(act.show).applications.reply(
        stage.pilot(act.show), proposed.proposal_id, act.text, key=f"demo-reply-{act.proposal}"
    )
    stage.ledger.replies[taken.reply_id] = act.show


async def periodic_reports(stage: Stage, act: Reporting) -> None:
    for show in act.shows:
        sent = PeriodicReportSent(number=1, summary=act.text.format(show=show))
        taken = await stage.enterprise(show).applications.periodic_report(
            stage.pilot(show), sent, key="demo-periodic-report-1"
        )
        stage.ledger.filed[taken.report_id] = show


async def final_reports(stage: Stage, act: FinalReporting) -> None:
    for show in act.shows:
        evidence = act.evidence.format(show=show)
        sent = FinalReportSent(
            results=act.text.format(show=show),
            criteria=tuple(
                FinalCriterion.model_validate({"code": code, "score": score, "evidence": evidence})
                for code, score in act.scores.items()
            ),
            rules_in_the_way=(act.rule_in_the_way,),
        )
        taken = await stage.enterprise(show).applications.final_report(stage.pilot(show), sent, key="demo-final-report")
        if not taken.in_time:
            raise NotAsScripted(f"the final report of {show} is said to be late: due {taken.due}, filed {taken.at}")
        stage.ledger.filed[taken.report_id] = show


async def withdraw(stage: Stage, show: str) -> None:
    await stage.enterprise(show).applications.withdraw(
        stage.pilot(show), stage.script.closing.reason, key="demo-withdraw"
    )
    stage.ledger.withdrawn.add(show)


async def closed_and_silent(stage: Stage, now: datetime) -> Iterable[tuple[datetime, str]]:
    """The habit of closed shows: when which of them means to withdraw, for those that now have a silence finding since closing."""
    wishes = []
    for show in stage.shows.values():
        last = show.reports[-1].at
        if not show.closed or show.name in stage.ledger.withdrawn or now <= last:
            continue
        opened = await _first_silence(stage, show.name, stage.pilot(show.name), last)
        if opened is not None:
            wishes.append((_next_weekday(stage, opened), show.name))
    return wishes


async def _first_silence(stage: Stage, show: str, pilot_id: UUID, after: datetime) -> datetime | None:
    found = await stage.enterprise(show).monitoring.findings_of(pilot_id)
    instants = [one.opened_at for one in found if one.rule is RuleCode.SILENCE and one.opened_at > after]
    return min(instants, default=None)


def _next_weekday(stage: Stage, after: datetime) -> datetime:
    closing = stage.script.closing
    day = after.astimezone(VIETNAM).date() + timedelta(days=1)
    while day.isoweekday() != closing.weekday:
        day += timedelta(days=1)
    return datetime.combine(day, closing.at, VIETNAM)
