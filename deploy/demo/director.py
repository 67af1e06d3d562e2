"""Plays the season: knows when who acts, by script, by habit, and every Sunday evening the reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from deploy.demo import enterprises, officers
from deploy.demo.script import (
    Act,
    Filing,
    FinalReporting,
    Following,
    Proposing,
    Replying,
    Reporting,
    Reviewing,
)
from deploy.demo.season import WeekReport
from deploy.demo.stage import Stage

Tell = Callable[[datetime, str], None]
"""Is told what somebody does, in words."""


class Director:
    """``agenda`` and ``play`` of :func:`deploy.demo.forward.forward` for one season that stops at ``until``."""

    def __init__(self, stage: Stage, until: datetime, tell: Tell = lambda at, what: None) -> None:
        self._stage = stage
        self._tell = tell
        self._until = until
        self._acts: list[Act] = [act for act in stage.script.act if act.at <= until]
        self._weeks: dict[datetime, list[tuple[str, WeekReport]]] = {}
        for show in stage.shows.values():
            for report in show.reports:
                if report.at <= until:
                    self._weeks.setdefault(report.at, []).append((show.name, report))
        self._measures: dict[str, datetime] = {}
        self._withdrawals: dict[str, datetime] = {}

    async def agenda(self, now: datetime) -> datetime | None:
        """When somebody acts next. People look around first: at the queue, at their own findings."""
        self._measures = {show: max(at, now) for at, show in await officers.measures_to_look_at(self._stage)}
        self._withdrawals = {show: at for at, show in await enterprises.closed_and_silent(self._stage, now)}
        wishes = [
            *self._weeks,
            *self._measures.values(),
            *self._withdrawals.values(),
            *(act.at for act in self._acts[:1]),
        ]
        return min((at for at in wishes if at <= self._until), default=None)

    async def play(self, at: datetime) -> None:
        """Do all that people do at ``at``: enterprises first report and withdraw, then officers keep their habits, then the script."""
        for show, report in self._weeks.pop(at, []):
            await enterprises.report_week(self._stage, show, report)
        for show in [show for show, when in self._withdrawals.items() if when == at]:
            self._tell(at, f"{show} withdraws")
            await enterprises.withdraw(self._stage, show)
        for show in [show for show, when in self._measures.items() if when == at]:
            self._tell(at, f"{self._stage.script.standing_places.who} lifts the measure of {show}")
            await officers.lift_standing_places(self._stage, show)
        while self._acts and self._acts[0].at == at:
            act = self._acts.pop(0)
            self._tell(at, describe(act))
            await self._do(act)

    async def _do(self, act: Act) -> None:
        stage = self._stage
        done: Awaitable[None]
        match act:
            case Filing():
                done = enterprises.file_applications(stage)
            case Replying():
                done = enterprises.reply(stage, act)
            case Reporting():
                done = enterprises.periodic_reports(stage, act)
            case FinalReporting():
                done = enterprises.final_reports(stage, act)
            case Proposing():
                done = officers.propose(stage, act)
            case Reviewing():
                done = officers.review(stage, act)
            case Following(do="move_on"):
                done = officers.move_on(stage, act)
            case Following(do="sign"):
                done = officers.sign(stage, act)
            case Following():
                done = officers.verify(stage, act)
        await done


def describe(act: Act) -> str:
    """An act of the script in one line."""
    match act:
        case Filing():
            return "nine enterprises file their applications"
        case Replying():
            return f"{act.show} replies about {act.proposal}"
        case Reporting() | FinalReporting():
            kind = "periodic" if isinstance(act, Reporting) else "final"
            return f"{len(act.shows)} enterprises file their {kind} reports"
        case Reviewing():
            return f"{act.who} reads the periodic reports"
        case Proposing():
            verb = "decides" if act.do == "decide" else "proposes"
            return f"{act.who} {verb}: {act.kind}, {act.show or 'every show concerned'}"
        case Following():
            verb = {"move_on": "sends on", "sign": "signs", "verify": "verifies the remedy of"}[act.do]
            return f"{act.who} {verb} {act.proposal}"
