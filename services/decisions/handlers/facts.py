"""What the other services' facts do here: one handler a fact, each in the transaction that also remembers the fact as received."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from services.decisions.core import evidence, findings, issuing, pilots, reports
from services.decisions.core.change import Step
from services.decisions.core.model import Book
from services.decisions.core.quarters import quarter_of
from services.decisions.handlers.desk import Desk
from services.decisions.store import books, statistics
from shared.contracts.base import Event
from shared.contracts.errors import NotYet
from shared.contracts.events import applications as a
from shared.contracts.events import monitoring as m
from shared.contracts.pilot import Window
from shared.platform.cloudevents import Received
from shared.platform.db import Tx
from shared.reference.calendar import Calendar

E = TypeVar("E", bound=Event)
Decide = Callable[[Book, E, Calendar], Step]

LARGE = (a.PilotRegistered, m.UsageRolled, m.RiskAssessed)
"""Facts whose data is not kept a second time: it is large or of the moment, and stays in the topic."""


async def keep(tx: Tx, received: Received[Event]) -> None:
    """Remember a fact by id and hash: evidence may be bound to it."""
    data = None if isinstance(received.event, LARGE) else received.data
    await books.add_fact(tx, received.meta.id, received.event, received.content_hash, data)


async def on_before_registration(_: Desk, tx: Tx, received: Received[Event]) -> None:
    """An application that is no pilot yet: known, and nothing for an officer to do."""
    await keep(tx, received)


async def on_registered(desk: Desk, tx: Tx, received: Received[a.PilotRegistered]) -> None:
    await keep(tx, received)
    book, events = pilots.registered(received.event, desk.calendar)
    await desk.books.save(tx, None, book, events)


async def on_fact(decide: Decide[E], desk: Desk, tx: Tx, received: Received[E]) -> None:
    """A fact that changes the pilot's book as ``decide`` says."""
    await _change(desk, tx, received.event, lambda book: decide(book, received.event, desk.calendar))
    await keep(tx, received)


async def on_noted(desk: Desk, tx: Tx, received: Received[Event]) -> None:
    """A fact that changes nothing here, and may be evidence."""
    await _known(desk, tx, received.event)
    await keep(tx, received)


async def on_final_report(desk: Desk, tx: Tx, received: Received[a.FinalReportFiled]) -> None:
    event = received.event
    after = await _change(desk, tx, event, lambda book: reports.final_filed(book, event, desk.calendar))
    await statistics.keep_rules_in_the_way(tx, event, after.pilot.sector)
    await keep(tx, received)


async def on_usage(desk: Desk, tx: Tx, received: Received[m.UsageRolled]) -> None:
    """Usage is projected for the statistics. No lock: the records of one pilot come in their order, and nothing else writes this."""
    event = received.event
    await _known(desk, tx, event)
    about, at = (event.pilot_id, event.metric), event.sample_at or event.at
    if event.window is Window.TOTAL:
        await statistics.keep_total(tx, *about, quarter_of(at), event.value)
    elif event.window is Window.CONCURRENT:
        for peak in (m.Peak(at=at, value=event.value), *event.peaks):
            await statistics.keep_peak(tx, *about, quarter_of(peak.at), peak.value)
    await keep(tx, received)


async def _change(desk: Desk, tx: Tx, event: Event, act: Callable[[Book], Step]) -> Book:
    """Change the book of the event's pilot, in which is also what the event is about."""
    about = evidence.about(event)
    return await desk.change(tx, event.key, act, names=() if about is None else (about,))


async def _known(desk: Desk, tx: Tx, event: Event) -> None:
    if await desk.books.rules_of(tx, event.key) is None:
        raise NotYet(f"pilot {event.key}")


def state_moved(book: Book, event: a.PilotStateChanged | a.PilotAmended, _: Calendar) -> Step:
    return pilots.moved(book, event), ()


def risk_assessed(book: Book, event: m.RiskAssessed, _: Calendar) -> Step:
    return findings.risk_assessed(book, event), ()


def decision_applied(book: Book, event: a.DecisionApplied, _: Calendar) -> Step:
    return issuing.applied(pilots.moved(book, event), event), ()
