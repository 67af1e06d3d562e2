"""What the risk score reads of a pilot: its facts, its gauges, its past, and its operator's judged past. The formula itself is in :mod:`risk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.monitoring.core import risk
from services.monitoring.core.facts import PilotFacts
from services.monitoring.core.meters import Gauge
from services.monitoring.core.verdicts import Standing
from shared.contracts.base import Contract, Instant
from shared.contracts.events.decisions import CheckConcluded, ReportReviewed
from shared.contracts.events.monitoring import RiskAssessed, RiskInput
from shared.contracts.numbers import unscaled

PARTICIPANTS, FUNDS = "participants_active", "funds_held_vnd"
_MINORS = {"software_games": ("players_u18", "players_active")}
_MINORS_ELSEWHERE = ("participants_minor", PARTICIPANTS)
METRICS = frozenset({PARTICIPANTS, FUNDS, "participants_minor", "players_u18", "players_active"})
"""Gauges that the score reads."""


class Judged(Contract):
    """Something that was judged and closed in one of the operator's pilots. ``decision_id`` is set for a verdict: an overturned decision
    takes it away."""

    at: Instant
    confirmed: int
    event_id: UUID
    decision_id: UUID | None = None


class Looked(Contract):
    at: Instant
    look: risk.Look
    event_id: UUID


class Past(Contract):
    """A pilot's own past, and the inputs of its last score."""

    looked: tuple[Looked, ...] = ()
    probation: UUID | None = None
    inputs: tuple[RiskInput, ...] = ()


def verdicts(standing: Standing) -> tuple[Judged, ...]:
    """What a decision judged."""
    decision = standing.decision
    return tuple(
        Judged(
            at=decision.at,
            confirmed=int(one.verdict == "confirmed"),
            event_id=standing.event.event_id,
            decision_id=decision.decision_id,
        )
        for one in decision.findings
    )


def decided(past: Past, standing: Standing) -> Past:
    """A lifted suspension begins a probation."""
    if standing.decision.kind != "lift_suspension":
        return past
    return past.model_copy(update={"probation": standing.event.event_id})


def conclusion(event: CheckConcluded | ReportReviewed, event_id: UUID) -> Judged:
    """What a check or a review judged."""
    return Judged(at=event.at, confirmed=event.confirmed_findings, event_id=event_id)


def looked(past: Past, event: CheckConcluded | ReportReviewed, event_id: UUID) -> Past:
    """An officer looked."""
    if isinstance(event, ReportReviewed):
        look = risk.Look.REPORT_REVIEW
    else:
        look = risk.Look.REMOTE_CHECK if event.mode == "remote" else risk.Look.ONSITE_CHECK
    return past.model_copy(update={"looked": (*past.looked, Looked(at=event.at, look=look, event_id=event_id))})


def assess(
    facts: PilotFacts, gauges: Mapping[str, Gauge], past: Past, history: Sequence[Judged], now: datetime
) -> risk.Risk:
    """The score at ``now``. ``history`` is what was judged of the pilot's operator, at least the newest that the formula reads."""
    binding = facts.binding
    minors, minors_of = _MINORS.get(facts.sector, _MINORS_ELSEWHERE)
    caps = {cap.metric: Decimal(cap.limit) for cap in facts.envelopes[-1].envelope.caps}
    read = {
        metric: risk.Reading(unscaled(gauge.latest.value))
        for metric, gauge in gauges.items()
        if gauge.latest is not None
    }
    score = risk.Facts(
        registered=facts.registered.event_id,
        tier=facts.tier,
        sector_level=binding.sector_level,
        asset_level=binding.asset_level,
        asset=str(facts.declared.get("heritage_class", "none")),
        minors_mode=str(facts.declared.get("minors_mode", "none")),
        participants=read.get(PARTICIPANTS),
        participants_cap=caps.get(PARTICIPANTS),
        minors=read.get(minors),
        minors_cap=caps.get(minors),
        minors_of=read.get(minors_of),
        minors_of_cap=caps.get(minors_of),
        funds=read.get(FUNDS),
        funds_cap=caps.get(FUNDS),
        assessments=[risk.Assessment(one.at, one.confirmed, one.event_id) for one in history],
        coverage=[risk.Coverage(one.at, one.look, one.event_id) for one in past.looked],
        priority=binding.priority_default,
        probation=past.probation,
    )
    return risk.assess(score, now, past.inputs)


def reassess(
    facts: PilotFacts, gauges: Mapping[str, Gauge], past: Past, history: Sequence[Judged], now: datetime
) -> tuple[Past, RiskAssessed | None]:
    """The score anew, and its event when the level of an input has changed (or there was no score yet).

    It is of ``now``, or of the newest judgement: pilots of one operator are heard of in any order, and what was told must not be untold.
    """
    now = max((now, *(one.at for one in history)))
    found = assess(facts, gauges, past, history, now)
    before = {one.name: one.level for one in past.inputs}
    if before == {one.name: one.level for one in found.inputs}:
        return past, None
    return past.model_copy(update={"inputs": found.inputs}), found.event(facts.pilot_id, now)
