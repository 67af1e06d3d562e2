"""What monitoring knows of a pilot: only what the service applications told, each fact with its effective instant and its event.

Nothing here is judged; :mod:`services.monitoring.core.view` answers what was in force at an instant.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.contracts.base import Contract, Instant
from shared.contracts.errors import NotYet
from shared.contracts.events.applications import (
    PilotAmended,
    PilotEnded,
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotWindingDown,
)
from shared.contracts.events.monitoring import EventRef
from shared.contracts.pilot import Envelope, PilotState
from shared.contracts.rules import MetricKind, RuleDefaults, ThresholdDefault

Fact = PilotRegistered | PilotStarted | PilotStateChanged | PilotAmended | PilotWindingDown | PilotEnded
FACTS: tuple[type[Fact], ...] = (
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotAmended,
    PilotWindingDown,
    PilotEnded,
)


class Binding(Contract):
    """Of the rules that the registration froze, those that monitoring applies."""

    rule_set: str
    defaults: RuleDefaults
    thresholds: dict[str, ThresholdDefault]
    kinds: dict[str, MetricKind]
    incident_report_hours: int
    sector_level: int
    priority_default: int
    asset_level: dict[str, int]


class StateSince(Contract):
    at: Instant
    state: PilotState
    event: EventRef


class EnvelopeSince(Contract):
    at: Instant
    envelope: Envelope
    event: EventRef


class PilotFacts(Contract):
    """One pilot. ``states`` and ``envelopes`` are in the order of their effective instants."""

    pilot_id: UUID
    code: str
    title: str
    sector: str
    tier: int
    tax_code: str
    authorities: tuple[str, ...]
    declared: dict[str, str | int]
    registered: EventRef
    binding: Binding
    states: tuple[StateSince, ...]
    envelopes: tuple[EnvelopeSince, ...]
    start_at: Instant | None = None
    """When it starts by itself, as far as its registration could tell."""

    @property
    def enterprise(self) -> str:
        """The operator, by its tax code: a branch (``0123456789-001``) is no other person."""
        return self.tax_code[:10]


def take(facts: PilotFacts | None, event: Fact, ref: EventRef) -> PilotFacts:
    """The facts with ``event``. Raises ``NotYet`` for a fact about a pilot whose registration has not arrived.

    Facts come in the order in which they were told, and that order is theirs: what was told later is of no earlier instant.
    """
    if isinstance(event, PilotRegistered):
        return _registered(event, ref)
    if facts is None:
        raise NotYet(f"the registration of pilot {event.pilot_id}")
    if isinstance(event, PilotAmended):
        # Its instant is the decision's; its state is that in which the pilot was found, perhaps much later. It moves none.
        amended = EnvelopeSince(at=event.at, envelope=event.envelope, event=ref)
        return facts.model_copy(update={"envelopes": tuple(sorted((*facts.envelopes, amended), key=_since))})
    since = StateSince(at=max(event.at, facts.states[-1].at), state=event.state_after, event=ref)
    return facts.model_copy(update={"states": (*facts.states, since)})


def _since(one: EnvelopeSince) -> datetime:
    return one.at


def _registered(event: PilotRegistered, ref: EventRef) -> PilotFacts:
    queues = (gate.queue for gate in event.gates)
    rules = event.rules
    return PilotFacts(
        pilot_id=event.pilot_id,
        code=event.code,
        title=event.title,
        sector=event.sector,
        tier=event.tier,
        tax_code=event.organisation.tax_code,
        authorities=tuple(dict.fromkeys((event.lead_authority, *event.authorities, *queues))),
        declared=event.declared,
        registered=ref,
        binding=Binding(
            rule_set=rules.rule_set,
            defaults=rules.rule_defaults,
            thresholds=rules.thresholds,
            kinds={code: metric.kind for code, metric in rules.metrics.items()},
            incident_report_hours=rules.policy.incident_report_hours,
            sector_level=rules.sector_level,
            priority_default=rules.priority_default,
            asset_level=rules.asset_level,
        ),
        states=(StateSince(at=event.at, state=PilotState.PENDING, event=ref),),
        start_at=event.start_at,
        # In force from the beginning: no sample lies before the start, and the start is not before the registration.
        envelopes=(EnvelopeSince(at=event.at, envelope=event.envelope, event=ref),),
    )
