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
    Script,
)
from deploy.demo.season import WeekReport
from deploy.demo.stage import Stage
from shared.contracts.messages.words import word

Tell = Callable[[datetime, str], None]
"""Is told what somebody does, in words."""
Hear = Callable[[], Awaitable[None]]
"""Hears what the system has done by itself until now."""


async def deaf() -> None:
    return None


class Director:
    """``agenda`` and ``play`` of :func:`deploy.demo.forward.forward` for one season that stops at ``until``."""

    def __init__(self, stage: Stage, until: datetime, tell: Tell = lambda at, what: None, hear: Hear = deaf) -> None:
        self._stage = stage
        self._tell = tell
        self._hear = hear
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
        await self._hear()
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
        await self._hear()
        for show, report in self._weeks.pop(at, []):
            await enterprises.report_week(self._stage, show, report)
        for show in [show for show, when in self._withdrawals.items() if when == at]:
            self._tell(at, f"{show} withdraws, its run being over")
            await enterprises.withdraw(self._stage, show)
        for show in [show for show, when in self._measures.items() if when == at]:
            officer = self._stage.script.named(self._stage.script.standing_places.who).name
            self._tell(at, f"{officer} lifts the interim measure on {show}")
            await officers.lift_standing_places(self._stage, show)
        while self._acts and self._acts[0].at == at:
            act = self._acts.pop(0)
            self._tell(at, describe(act, self._stage.script))
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


def describe(act: Act, script: Script) -> str:
    """An act of the script in one line: people and proposals by what they are called, not by the names that the script gives them."""
    match act:
        case Filing():
            return "nine enterprises file their applications"
        case Replying():
            return f"{act.show} replies to the proposal to {_kind(script, act.proposal)}"
        case Reporting() | FinalReporting():
            kind = "periodic" if isinstance(act, Reporting) else "final"
            if len(act.shows) == 1:
                return f"{act.shows[0]} files its {kind} report"
            return f"{len(act.shows)} enterprises file their {kind} reports"
        case Reviewing():
            return f"{script.named(act.who).name} reads the periodic reports"
        case Proposing():
            verb = "decides" if act.do == "decide" else "proposes"
            return f"{script.named(act.who).name} {verb} to {word(act.kind).en}: {act.show or 'every show concerned'}"
        case Following():
            verb = {
                "move_on": "sends on, the reply being in",
                "sign": "signs as the second",
                "verify": "finds the remedy done",
            }[act.do]
            about = f"{_kind(script, act.proposal)}, {script.proposal(act.proposal).show}"
            return f"{script.named(act.who).name} {verb}: {about}"


def _kind(script: Script, proposal: str) -> str:
    return word(script.proposal(proposal).kind).en
