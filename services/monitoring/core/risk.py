"""The risk of a pilot, formula ``hk-risk-1``: 1.00 to 4.00. It orders the queue; it is never evidence and decides nothing.

``risk = impact^0.2 x probability^0.3 x detectability^0.5``, after MonitorFish (MTES-MCT/monitorfish, ``risk-factor.rst``), whose weights
came from workshops with inspectors. Every component lies in 1..4, so the score does too.

- impact: the highest of four levels: tier, participants, share of minors, asset at stake.
- probability = sqrt(H x S): what the operator's judged past looks like, and the sector's inherent level.
- detectability = sqrt(C x Q): how long nobody has looked, and the priority that the authority set. Uploads do not count as looking.

The judged past is the operator's, over all its pilots; all else is the pilot's own. Nothing unjudged enters: open alerts never count, and
the assessments of an overturned decision are left out by who gathers the facts.
The score ages when it is read: ``now`` is an argument. A high C asks for a remote check or a report review first; it never unlocks a
second on-site check in a year (Resolution 198/2025/QH15 art. 4).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import pow, sqrt
from typing import Literal
from uuid import UUID

from shared.contracts.events.monitoring import RiskAssessed, RiskInput
from shared.reference.calendar import anniversary

FORMULA = "hk-risk-1"

Band = Literal["low", "medium", "high", "very_high"]
_BANDS: tuple[tuple[float, Band], ...] = ((1.75, "low"), (2.5, "medium"), (3.25, "high"))

_PARTICIPANTS = (Decimal(500), Decimal(5_000), Decimal(50_000))  # from each on, one level higher
_FUNDS_VND = (Decimal(100_000_000), Decimal(1_000_000_000))
_MINORS = (Decimal("0.10"), Decimal("0.30"))  # above each, one level higher
_MINORS_BY_ANSWER = {"none": 1, "incidental": 2, "targeted": 4}

HISTORY_LENGTH = 10
"""Judgements that the history reads at most, the newest."""
_HISTORY_MONTHS = 24
_HISTORY_BINS = (0.0, 11.0, 21.0)  # up to and with each: 1, 2, 3; above: 4
_NO_HISTORY = 2

_COVERAGE_DAYS = 365
_COVERAGE_COUNTS = (0.0, 0.5, 1.2, 2.4)  # up to and with each, the row of the table below; above: the last
_COVERAGE_SINCE = (19, 50, 91, 182, 365)  # whole days since the newest item, up to and with each, the column
_COVERAGE_LEVELS = (
    (4.0, 4.0, 4.0, 4.0, 4.0, 4.0),
    (3.25, 3.25, 3.25, 3.25, 4.0, 4.0),
    (2.5, 2.5, 2.5, 3.25, 3.25, 4.0),
    (1.75, 1.75, 2.5, 3.25, 3.25, 4.0),
    (1.0, 1.75, 2.5, 3.25, 3.25, 4.0),
)
"""MonitorFish's control levels with the time axis divided by three: a pilot runs for months, a vessel for years."""
_UNSEEN = 4.0


class Look(StrEnum):
    """Ways in which an officer has looked at the pilot."""

    ONSITE_CHECK = "onsite_check"
    REMOTE_CHECK = "remote_check"
    REPORT_REVIEW = "report_review"


_WEIGHT = {Look.ONSITE_CHECK: 1.0, Look.REMOTE_CHECK: 0.7, Look.REPORT_REVIEW: 0.4}


@dataclass(frozen=True, slots=True)
class Reading:
    """A gauge's last accepted value and the event that brought it."""

    value: Decimal
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """Something that was judged and closed: a check, a reviewed report, a verdict.

    ``confirmed`` findings: a rejected alert has 0, a confirmed one 1. A report that was missed counts as what somebody confirmed of it: the
    verdict on a silence, the number in the review of a report that came late.
    """

    at: datetime
    confirmed: int
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Coverage:
    """An officer looked."""

    at: datetime
    look: Look
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the score reads. ``registered`` is the event that fixed tier, sector, answers and rules.

    A gauge that was never reported stands at its declared cap; without a cap it weighs nothing. ``minors_of`` is the gauge that minors are
    a part of (participants_active; in games players_active); without either figure the answer ``minors_mode`` counts. ``asset_level`` rates
    the answer ``asset`` (reference data). ``probation`` is the event that lifted a suspension, while the pilot is on probation.
    """

    registered: UUID
    tier: int
    sector_level: int
    asset_level: Mapping[str, int]
    asset: str = "none"
    minors_mode: str = "none"
    participants: Reading | None = None
    participants_cap: Decimal | None = None
    minors: Reading | None = None
    minors_cap: Decimal | None = None
    minors_of: Reading | None = None
    minors_of_cap: Decimal | None = None
    funds: Reading | None = None
    funds_cap: Decimal | None = None
    assessments: Sequence[Assessment] = ()
    coverage: Sequence[Coverage] = ()
    priority: int = 2
    priority_set: UUID | None = None
    probation: UUID | None = None


@dataclass(frozen=True, slots=True)
class Risk:
    """A score with its explanation. Unrounded: round for display only, and to two places."""

    score: float
    band: Band
    impact: float
    probability: float
    detectability: float
    inputs: tuple[RiskInput, ...]
    changed: tuple[str, ...]
    would_lower_most: str | None

    def event(self, pilot_id: UUID, at: datetime) -> RiskAssessed:
        return RiskAssessed(
            pilot_id=pilot_id,
            at=at,
            formula=FORMULA,
            score=self.score,
            band=self.band,
            impact=self.impact,
            probability=self.probability,
            detectability=self.detectability,
            inputs=self.inputs,
            changed=self.changed,
            would_lower_most=self.would_lower_most,
        )


def assess(facts: Facts, now: datetime, before: Iterable[RiskInput] = ()) -> Risk:
    """The score at ``now``. ``before`` are the inputs of the last score, to say what changed since."""
    inputs = (
        _coverage(facts.coverage, now),
        _history(facts.assessments, now),
        _participants(facts),
        _minors(facts),
        _asset(facts),
        RiskInput(name="tier", value=str(facts.tier), level=facts.tier, event_id=facts.registered),
        _sector(facts),
        RiskInput(name="priority", value=str(facts.priority), level=facts.priority, event_id=facts.priority_set),
    )
    levels = {one.name: one.level for one in inputs}
    impact, probability, detectability = _components(levels)
    score = _score(levels)
    return Risk(
        score=score,
        band=band(score),
        impact=impact,
        probability=probability,
        detectability=detectability,
        inputs=inputs,
        changed=_changed({one.name: one.level for one in before}, levels),
        would_lower_most=_would_lower_most(levels, score),
    )


def band(score: float) -> Band:
    """The band of an unrounded score: below 1.75 low, below 2.5 medium, below 3.25 high, else very high."""
    return next((name for bound, name in _BANDS if score < bound), "very_high")


def _components(levels: Mapping[str, float]) -> tuple[float, float, float]:
    impact = max(levels[name] for name in ("tier", "participants", "minors", "asset"))
    return impact, sqrt(levels["history"] * levels["sector"]), sqrt(levels["coverage"] * levels["priority"])


def _score(levels: Mapping[str, float]) -> float:
    impact, probability, detectability = _components(levels)
    return pow(impact, 0.2) * pow(probability, 0.3) * sqrt(detectability)


def _would_lower_most(levels: Mapping[str, float], score: float) -> str | None:
    """The input whose best level (1) would bring the score furthest down; of equals the first, and those an officer can act on lead."""
    drops = {name: score - _score({**levels, name: 1.0}) for name in levels}
    best = max(drops, key=lambda name: drops[name])
    return best if drops[best] > 0 else None


def _changed(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[str, ...]:
    moved = (name for name in now if name in before and before[name] != now[name])
    return tuple(f"{name}: {before[name]:g} → {now[name]:g}" for name in moved)


def _participants(facts: Facts) -> RiskInput:
    value, event_id = _value(facts.participants, facts.participants_cap, facts.registered)
    level = 1 + sum(value >= bound for bound in _PARTICIPANTS)
    return RiskInput(name="participants", value=f"{value:f}", level=level, event_id=event_id)


def _minors(facts: Facts) -> RiskInput:
    """By the share of minors, at once the highest where they are targeted; by the answer alone where no share is known."""
    unknown = facts.minors is None and facts.minors_cap is None
    if unknown or facts.minors_mode == "targeted":
        level = _MINORS_BY_ANSWER.get(facts.minors_mode, 1)
        return RiskInput(name="minors", value=facts.minors_mode, level=level, event_id=facts.registered)
    minors, event_id = _value(facts.minors, facts.minors_cap, facts.registered)
    whole, _ = _value(facts.minors_of, facts.minors_of_cap, facts.registered)
    share = Decimal(0) if minors == 0 else minors / whole if whole else Decimal(1)
    level = 1 + (share > 0) + sum(share > bound for bound in _MINORS)
    return RiskInput(name="minors", value=f"{share:.1%}", level=level, event_id=event_id)


def _asset(facts: Facts) -> RiskInput:
    funds, event_id = _value(facts.funds, facts.funds_cap, facts.registered)
    by_funds = 1 + (funds > 0) + sum(funds >= bound for bound in _FUNDS_VND)
    by_asset = facts.asset_level.get(facts.asset, 1)
    if by_funds > by_asset:
        return RiskInput(name="asset", value=f"{funds:f} VND", level=by_funds, event_id=event_id)
    return RiskInput(name="asset", value=facts.asset, level=by_asset, event_id=facts.registered)


def _sector(facts: Facts) -> RiskInput:
    if facts.probation is None:
        return RiskInput(
            name="sector", value=str(facts.sector_level), level=facts.sector_level, event_id=facts.registered
        )
    return RiskInput(
        name="sector",
        value=f"{facts.sector_level} + 1",
        level=min(4, facts.sector_level + 1),
        event_id=facts.probation,
    )


def _history(assessments: Iterable[Assessment], now: datetime) -> RiskInput:
    """The last ten of 24 months, newest first, each weighing a tenth less: ten points a confirmed finding, minus one for a clean one."""
    since = anniversary(now, -_HISTORY_MONTHS)
    recent = sorted((one for one in assessments if since <= one.at <= now), key=lambda one: one.at, reverse=True)
    last = recent[:HISTORY_LENGTH]
    if not last:
        return RiskInput(name="history", value="none", level=_NO_HISTORY)
    points = sum((HISTORY_LENGTH - i) * (10 * one.confirmed if one.confirmed else -1) for i, one in enumerate(last))
    score = points / HISTORY_LENGTH
    level = 1 + bisect_left(_HISTORY_BINS, score)
    return RiskInput(name="history", value=f"{score:.1f} / {len(last)}", level=level, event_id=last[0].event_id)


def _coverage(coverage: Iterable[Coverage], now: datetime) -> RiskInput:
    """Looks of the last 365 days, each weighing less as it ages, against the whole days since the newest."""
    seen = [((now - one.at) // timedelta(days=1), one) for one in coverage if one.at <= now]
    if not seen:
        return RiskInput(name="coverage", value="never", level=_UNSEEN)
    since, newest = min(seen, key=lambda aged: aged[0])
    count = sum(_WEIGHT[one.look] * max(0.0, 1 - days / _COVERAGE_DAYS) for days, one in seen)
    row, column = bisect_left(_COVERAGE_COUNTS, count), bisect_left(_COVERAGE_SINCE, since)
    level = _COVERAGE_LEVELS[row][column]
    return RiskInput(name="coverage", value=f"{count:.3f} / {since} d", level=level, event_id=newest.event_id)


def _value(reading: Reading | None, cap: Decimal | None, registered: UUID) -> tuple[Decimal, UUID | None]:
    """The last accepted value; where nothing was ever reported, the declared cap."""
    if reading is not None:
        return reading.value, reading.event_id
    return (cap if cap is not None else Decimal(0)), registered
