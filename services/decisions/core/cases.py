"""Acts inside a case: claim, release, snooze, the one supplement request."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.decisions.core import signing
from services.decisions.core.change import Change, Step
from services.decisions.core.clocks import due_by_clock
from services.decisions.core.model import Actor, Book, Case, CaseState, SupplementAsked
from shared.contracts.errors import Refused
from shared.contracts.events.decisions import CaseSupplementRequested
from shared.contracts.rules import Pause
from shared.reference.calendar import Calendar


def claim(book: Book, actor: Actor, now: datetime, calendar: Calendar) -> Step:
    """Take the case for one's authority. Refused where a colleague holds it; a supervisor may take it over. Claiming twice is one claim."""
    case = _open(book, actor)
    signing.check_claim(case, actor)
    change = Change(book, now, calendar)
    change.case(state=CaseState.CLAIMED, claims={**case.claims, actor.authority: actor.sub})
    return change.done()


def release(book: Book, actor: Actor, now: datetime, calendar: Calendar) -> Step:
    """Give the case back to the authority's queue."""
    case = _open(book, actor)
    if actor.authority not in case.claims:
        raise Refused("not_claimed")
    signing.check_claim(case, actor)
    left = {authority: sub for authority, sub in case.claims.items() if authority != actor.authority}
    change = Change(book, now, calendar)
    change.case(state=CaseState.CLAIMED if left else CaseState.OPEN, claims=left)
    return change.done()


def snooze(book: Book, actor: Actor, until: datetime, reason: str, now: datetime, calendar: Calendar) -> Step:
    """Out of every queue until then, by the lead. A snooze hides no clock: it ends before the first that runs out, and within the rules' days."""
    case = _open(book, actor)
    signing.check_lead(book.pilot, actor)
    signing.check_claim(case, actor)
    if until <= now:
        raise Refused("snooze_past", "/until", status=422)
    longest = due_by_clock(book.pilot.rules, "snooze_max", now, calendar).instant
    if until > longest:
        raise Refused("snooze_too_long", "/until", status=422, until=longest)
    first = min((item.running_due for item in book.open_items if item.running_due is not None), default=None)
    if first is not None and until > first:
        raise Refused("snooze_hides_clock", "/until", due=first)
    change = Change(book, now, calendar)
    change.case(snoozed_until=until, snooze_reason=reason)
    return change.done()


def wake(book: Book, now: datetime, calendar: Calendar) -> Step:
    """The snooze is over: the case is back in the queue."""
    change = Change(book, now, calendar)
    if book.case is not None and book.case.snoozed_until is not None and book.case.snoozed_until <= now:
        change.case(snoozed_until=None, snooze_reason=None)
    return change.done()


def ask_supplement(book: Book, actor: Actor, request_id: UUID, text: str, now: datetime, calendar: Calendar) -> Step:
    """Ask the enterprise for what is missing, as often in a case as the row allows; the clocks that the rules name stand still.

    For the lead, and for an authority that has something to decide in the case.
    """
    case = _open(book, actor)
    if not any(item.authority == actor.authority for item in book.open_items):
        signing.check_lead(book.pilot, actor)
    signing.check_claim(case, actor)
    rules = book.pilot.rules
    if book.pilot.ended:
        raise Refused("pilot_ended", kind="supplement")
    if case.supplements >= rules.policy.supplement_requests_max:
        raise Refused("supplement_asked", max=rules.policy.supplement_requests_max)
    due = due_by_clock(rules, "supplement_answer", now, calendar)
    change = Change(book, now, calendar)
    change.case(
        supplements=case.supplements + 1,
        supplement=SupplementAsked(request_id=request_id, text=text, asked_at=now, due=due),
    )
    change.hold([item.item_id for item in book.open_items], request_id, Pause.SUPPLEMENT)
    change.tell(
        CaseSupplementRequested(
            at=now, pilot_id=case.pilot_id, case_id=case.case_id, request_id=request_id, text=text, due=due
        )
    )
    return change.done()


def _open(book: Book, actor: Actor) -> Case:
    signing.check_part(book.pilot, actor)
    if book.case is None or book.case.state is CaseState.CLOSED:
        raise Refused("case_closed")
    return book.case
