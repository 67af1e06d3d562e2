"""Findings that people bring: incidents from the enterprise, tips from the public, referrals from other authorities. They clear by decision."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.monitoring.core.book import finding_id
from services.monitoring.core.facts import PilotFacts
from services.monitoring.core.verdicts import Standing
from shared.contracts.base import Event
from shared.contracts.events.applications import IncidentReported
from shared.contracts.events.monitoring import (
    EventRef,
    Evidence,
    FindingCleared,
    FindingOpened,
    ReferralReceived,
    RuleCode,
    TipReceived,
)
from shared.contracts.http.monitoring import ReferralSent
from shared.contracts.pilot import Severity

BY_PEOPLE = frozenset({RuleCode.INCIDENT, RuleCode.TIP, RuleCode.REFERRAL})
"""Rules whose findings are what somebody said: nothing is computed, and the engine writes none of them."""


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding of this module that is open."""

    finding_id: UUID
    rule: RuleCode
    subject: str


def incident(facts: PilotFacts, event: IncidentReported, ref: EventRef) -> FindingOpened:
    """One finding per incident; one severity higher when it was told later than the policy row allows, counted in hours of any day."""
    severity = facts.binding.defaults.incident_severity
    if event.at > event.known_at + timedelta(hours=facts.binding.incident_report_hours):
        severity = severity.higher()
    evidence = Evidence(
        rule_version=facts.binding.rule_set,
        sample_at=event.known_at,
        content=f"{event.kind}: {event.description}",
        facts=(ref,),
    )
    return _opened(facts, RuleCode.INCIDENT, str(event.incident_id), severity, evidence, event.at)


def tip_of(facts: PilotFacts, text: str, now: datetime) -> TipReceived:
    """What the public tells. The same text about the same pilot is the same tip, whoever sends it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    return TipReceived(
        at=now,
        pilot_id=facts.pilot_id,
        tip_id=uuid5(facts.pilot_id, f"tip/{digest}"),
        content_sha256=digest,
        text=text,
    )


def tip(facts: PilotFacts, told: TipReceived) -> tuple[Event, ...]:
    """A tip that is new, and its finding."""
    evidence = Evidence(rule_version=facts.binding.rule_set, content=told.text)
    severity = facts.binding.defaults.tip_severity
    return (told, _opened(facts, RuleCode.TIP, told.content_sha256, severity, evidence, told.at))


def referral_of(facts: PilotFacts, sent: ReferralSent, authority: str, now: datetime) -> ReferralReceived:
    """What another authority refers: one per authority and content."""
    return ReferralReceived(
        at=now,
        pilot_id=facts.pilot_id,
        referral_id=uuid5(facts.pilot_id, f"referral/{authority}/{sent.content_sha256}"),
        from_authority=authority,
        title=sent.title,
        timecode=sent.timecode,
        content_sha256=sent.content_sha256,
        text=sent.text,
    )


def referral(facts: PilotFacts, told: ReferralReceived, *, known: bool) -> tuple[Event, ...]:
    """A referral that is new, and its finding unless that content has one (``known``): another authority adds to it."""
    if known:
        return (told,)
    where = told.title if told.timecode is None else f"{told.title} @ {told.timecode}"
    evidence = Evidence(rule_version=facts.binding.rule_set, content=f"{where}\n{told.text}")
    severity = facts.binding.defaults.referral_severity
    return (told, _opened(facts, RuleCode.REFERRAL, told.content_sha256, severity, evidence, told.at))


def judged(facts: PilotFacts, found: Iterable[OpenFinding], standing: Standing) -> tuple[FindingCleared, ...]:
    """A decision whose verdicts hold clears them, at its own time; its event and the pilot's answer are the evidence."""
    evidence = Evidence(rule_version=facts.binding.rule_set, facts=(standing.event, standing.answer.event))
    return tuple(
        FindingCleared(
            at=standing.decision.at,
            pilot_id=facts.pilot_id,
            finding_id=one.finding_id,
            rule=one.rule,
            subject=one.subject,
            evidence=evidence,
            reason="judged",
        )
        for one in found
    )


def tidied(facts: PilotFacts, found: Iterable[OpenFinding], due: datetime) -> tuple[FindingCleared, ...]:
    """Some days after the end nothing stays open."""
    evidence = Evidence(rule_version=facts.binding.rule_set)
    return tuple(
        FindingCleared(
            at=due,
            pilot_id=facts.pilot_id,
            finding_id=one.finding_id,
            rule=one.rule,
            subject=one.subject,
            evidence=evidence,
            reason="pilot_ended",
        )
        for one in found
    )


def _opened(
    facts: PilotFacts, rule: RuleCode, subject: str, severity: Severity, evidence: Evidence, at: datetime
) -> FindingOpened:
    return FindingOpened(
        at=at,
        pilot_id=facts.pilot_id,
        finding_id=finding_id(facts.pilot_id, f"{rule}/{subject}", 1),
        rule=rule,
        subject=subject,
        severity=severity,
        evidence=evidence,
    )
