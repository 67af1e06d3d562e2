"""When a pilot may start: the row, the statutory gates of what it declares, and the limits that run from the receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

from shared.contracts.base import Due
from shared.contracts.events.applications import PilotGate
from shared.contracts.pilot import HeldPermit, StartMode
from shared.contracts.rules import DayKind, Gate, GatePhase, GateRequires, PolicyRow, SupplementClock
from shared.reference.calendar import Calendar, PauseSpan
from shared.reference.rows import Rules


class Declared(Protocol):
    """What decides on gates: a dossier, or the answers of someone who only asks."""

    @property
    def provinces(self) -> tuple[str, ...]: ...
    @property
    def communes(self) -> tuple[str, ...]: ...
    @property
    def activities(self) -> tuple[str, ...]: ...
    @property
    def held_permits(self) -> tuple[HeldPermit, ...]: ...


class Limits:
    """Limits from the receipt on. A supplement interrupts them: its time does not count, or they are counted again from the answer."""

    def __init__(
        self, calendar: Calendar, received_at: datetime, how: SupplementClock, supplement: PauseSpan | None = None
    ) -> None:
        again = supplement is not None and how is SupplementClock.RESTART
        self._calendar = calendar
        self._start = supplement.answered if supplement is not None and again else received_at
        self._pauses = () if supplement is None or again else (supplement,)

    def due(self, days: int, kind: DayKind = DayKind.WORKING) -> Due:
        if kind is DayKind.WORKING:
            return self._calendar.due_working_days(self._start, days, self._pauses)
        return self._calendar.due_calendar_days(self._start, days, self._pauses)


def gates_of(declared: Declared, rules: Rules, limits: Limits) -> tuple[PilotGate, ...]:
    """One entry per gate of a declared activity and per authority that decides on it.

    Raises ``LookupError`` when a gate asks for a place that is not declared; an activity that is no gate is passed over.
    """
    held = {permit.gate: permit for permit in declared.held_permits}
    return tuple(
        _gate(gate, authority, rules, limits, held)
        for gate in rules.declared_gates(declared.activities)[0]
        for authority in rules.gate_authorities(gate, declared.provinces, declared.communes)
    )


def _gate(
    gate: Gate, authority: str, rules: Rules, limits: Limits, held_permits: Mapping[str, HeldPermit]
) -> PilotGate:
    held = held_permits.get(gate.code)
    runs = gate.phase is GatePhase.START and gate.requires is not GateRequires.NONE and held is None
    return PilotGate(
        gate=gate.code,
        requires=_REQUIRES[gate.requires],
        phase="start" if gate.phase is GatePhase.START else "exit",
        authority=authority,
        queue=rules.fixed.authorities.queue_of(authority),
        legal_basis=gate.legal_basis,
        due=limits.due(gate.days, gate.day_kind) if runs else None,
        held=held,
        notice_days=gate.days if gate.phase is GatePhase.EXIT else None,
    )


def authorities_of(lead: str, gates: Sequence[PilotGate]) -> tuple[str, ...]:
    """The lead authority, then those of the gates and whose queues they stand in, each once."""
    return tuple(dict.fromkeys([lead, *(name for gate in gates for name in (gate.authority, gate.queue))]))


def start_mode(row: PolicyRow, gates: Sequence[PilotGate]) -> StartMode:
    """The strictest of the row and the gates. A notice that nobody answers moves the date, and is no standstill."""
    modes = [row.start]
    for gate in gates:
        if gate.needs_permit:
            modes.append(StartMode.PERMIT)
        elif gate.phase == "start" and gate.requires == "notice_silence":
            modes.append(StartMode.STANDSTILL)
    return max(modes, key=list(StartMode).index)


def row_dues(row: PolicyRow, limits: Limits) -> tuple[Due | None, Due | None]:
    """The row's own standstill and permit: at most one of them."""
    standstill = limits.due(row.standstill_working_days) if row.start is StartMode.STANDSTILL else None
    permit = limits.due(row.permit_decision_working_days) if row.start is StartMode.PERMIT else None
    return standstill, permit


def start_at(
    planned: datetime, now: datetime, standstill: Due | None, permit: Due | None, gates: Sequence[PilotGate]
) -> datetime | None:
    """The instant at which the pilot starts by itself, not before ``now``; None while a permit is outstanding."""
    if permit is not None or any(gate.needs_permit for gate in gates):
        return None
    dues = [gate.due for gate in gates] + [standstill]
    return max(planned, now, *(due.instant for due in dues if due is not None))


_REQUIRES: dict[GateRequires, Literal["none", "notice_only", "notice_silence", "permit"]] = {
    GateRequires.NONE: "none",
    GateRequires.NOTICE_ONLY: "notice_only",
    GateRequires.NOTICE_SILENCE: "notice_silence",
    GateRequires.PERMIT: "permit",
}
