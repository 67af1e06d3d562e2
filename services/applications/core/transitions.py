"""Which moves are legal, and what state follows from the causes in force."""

from __future__ import annotations

from collections.abc import Iterable

from shared.contracts.pilot import Cause, CauseKind, PilotState

PENDING, ACTIVE, RESTRICTED = PilotState.PENDING, PilotState.ACTIVE, PilotState.RESTRICTED
SUSPENDED, WINDING_DOWN, ENDED = PilotState.SUSPENDED, PilotState.WINDING_DOWN, PilotState.ENDED

# To stay where one is is always legal but after the end. A pilot starts restricted only when its measure came before its start.
MOVES: dict[PilotState, frozenset[PilotState]] = {
    PENDING: frozenset({PENDING, ACTIVE, RESTRICTED, ENDED}),
    ACTIVE: frozenset({ACTIVE, RESTRICTED, SUSPENDED, WINDING_DOWN}),
    RESTRICTED: frozenset({ACTIVE, RESTRICTED, SUSPENDED, WINDING_DOWN}),
    SUSPENDED: frozenset({ACTIVE, RESTRICTED, SUSPENDED, WINDING_DOWN}),
    WINDING_DOWN: frozenset({WINDING_DOWN, ENDED}),
    ENDED: frozenset(),
}


class IllegalMove(AssertionError):
    """A pilot was about to make a move that is not in the table: a defect, never a caller's mistake."""


def move(before: PilotState, after: PilotState) -> PilotState:
    """``after``, when the table has the move. Raises :class:`IllegalMove`."""
    if after not in MOVES[before]:
        raise IllegalMove(f"{before} -> {after}")
    return after


def derived(causes: Iterable[Cause]) -> PilotState:
    """The state between start and end: any suspension or objection suspends, else any interim measure restricts."""
    kinds = {cause.kind for cause in causes}
    if kinds & {CauseKind.SUSPENSION, CauseKind.OBJECTION}:
        return SUSPENDED
    return RESTRICTED if kinds else ACTIVE
