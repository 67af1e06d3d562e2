"""The script of the season, typed: who the people are, what they do by habit, and their dated acts. Read from ``script.toml``."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.contracts.base import Instant
from shared.contracts.events.applications import RuleInTheWay
from shared.contracts.pilot import Cap

SCRIPT = Path(__file__).parent / "script.toml"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Season(_Row):
    """``opens``: where the sandbox clock is set; ``stops``: where it stands at the end. Every decision cites ``legal_bases``."""

    opens: Instant
    stops: Instant
    legal_bases: tuple[str, ...]


class Application(_Row):
    """What every show files alike; ``{show}``, ``{theatre}`` and ``{seats}`` in the texts are filled in."""

    organisation: str
    contact: str
    title: str
    sector: str
    province: str
    planned_start: Instant
    duration_months: int
    activity: str
    permit_number: str
    permit_date: date
    permit_issuer: str
    complaint_channel: str
    objectives: str
    hypothesis: str
    disclosure: str
    exit_plan: str
    answers: dict[str, str | int]
    documents: dict[str, str]


class Person(_Row):
    sub: str
    name: str
    role: Literal["officer", "supervisor"]
    authority: str


class HabitException(_Row):
    """For findings of ``show`` opened before ``before``: ``leave`` the measure or the finding to somebody else, or ``warn``."""

    show: str
    before: date
    measure: Literal["lift", "leave"] = "lift"
    finding: Literal["continue", "warn", "leave"] = "continue"
    reasons: str | None = None

    @model_validator(mode="after")
    def _warning_has_reasons(self) -> HabitException:
        if self.finding == "warn" and not self.reasons:
            raise ValueError("a warning needs its reasons")
        return self


class StandingPlaces(_Row):
    """An officer's habit: lift a measure about ``subject`` at ``at`` of the next working day and continue its finding."""

    who: str
    at: time
    subject: str
    lift: str
    continue_: str = Field(alias="continue")
    exceptions: tuple[HabitException, ...] = Field(alias="except")

    def exception(self, show: str, opened: date) -> HabitException | None:
        """What this habit does otherwise for a finding of ``show`` opened on ``opened``."""
        return next((one for one in self.exceptions if one.show == show and opened < one.before), None)


class Closing(_Row):
    """An enterprise's habit after its show has closed: withdraw at ``at`` on ``weekday`` (1 is Monday) after the first silence finding."""

    weekday: int = Field(ge=1, le=7)
    at: time
    reason: str


class ItemPattern(_Row):
    """Which open items of a case an act means. ``rule`` and ``subject`` are those of the finding for items about findings."""

    kind: str
    rule: str | None = None
    subject: str | None = None


class Filing(_Row):
    """Every enterprise files its application."""

    at: Instant
    do: Literal["file"]


class Together(_Row):
    """Another decision, issued in the same transaction."""

    kind: str
    items: tuple[ItemPattern, ...]
    reasons: str


class Proposing(_Row):
    """An officer drafts and submits a proposal. ``decide``: one signature is enough and it is issued at once.

    Without ``show``: for every show that has such an item open.
    """

    at: Instant
    do: Literal["propose", "decide"]
    who: str
    show: str | None = None
    name: str | None = Field(default=None, alias="as")
    kind: str
    items: tuple[ItemPattern, ...]
    reasons: str
    verdict: Literal["confirmed", "rejected"] | None = None
    caps: tuple[Cap, ...] = ()
    remedy: str | None = None
    gate: str | None = None
    together: tuple[Together, ...] = ()

    @model_validator(mode="after")
    def _named_if_it_goes_on(self) -> Proposing:
        if self.do == "propose" and not (self.name and self.show):
            raise ValueError("a proposal that others act on needs its name (as) and its show")
        return self


class Following(_Row):
    """An officer goes on with a proposal: ``move_on`` after the reply, ``sign`` as the second, ``verify`` its remedy."""

    at: Instant
    do: Literal["move_on", "sign", "verify"]
    who: str
    proposal: str
    text: str | None = None


class Replying(_Row):
    at: Instant
    do: Literal["reply"]
    show: str
    proposal: str
    text: str


class Reporting(_Row):
    """Enterprises file their periodic report."""

    at: Instant
    do: Literal["periodic_report"]
    shows: tuple[str, ...]
    text: str


class FinalReporting(_Row):
    """Enterprises file their final report: ``scores`` for the seven criteria, all with the same ``evidence``."""

    at: Instant
    do: Literal["final_report"]
    shows: tuple[str, ...]
    text: str
    evidence: str
    scores: dict[str, int]
    rule_in_the_way: RuleInTheWay


class Reviewing(_Row):
    """An officer reads every periodic report that is open."""

    at: Instant
    do: Literal["review"]
    who: str
    text: str


Act = Annotated[
    Filing | Proposing | Following | Replying | Reporting | FinalReporting | Reviewing,
    Field(discriminator="do"),
]


class Script(_Row):
    season: Season
    application: Application
    person: tuple[Person, ...]
    standing_places: StandingPlaces
    closing: Closing
    act: tuple[Act, ...]

    @model_validator(mode="after")
    def _in_order_and_by_known_people(self) -> Script:
        known = {person.sub for person in self.person}
        before: datetime = self.season.opens
        for act in self.act:
            if act.at < before or act.at > self.season.stops:
                raise ValueError(f"the act of {act.at} ({act.do}) is out of order or outside the season")
            who = getattr(act, "who", None)
            if who is not None and who not in known:
                raise ValueError(f"the act of {act.at} ({act.do}) is by {who!r}, who is no person of the script")
            before = act.at
        return self

    def named(self, sub: str) -> Person:
        """Raises ``KeyError`` for somebody who is not in the script."""
        return {person.sub: person for person in self.person}[sub]

    def proposal(self, name: str) -> Proposing:
        """The act that makes the proposal of this name. Raises ``KeyError`` when none does."""
        return {act.name: act for act in self.act if isinstance(act, Proposing)}[name]


def load(path: Path = SCRIPT) -> Script:
    """The script of ``path``. Raises ``ValueError`` that says which row is wrong."""
    with path.open("rb") as file:
        return Script.model_validate(tomllib.load(file))
