"""The values of threshold windows in their table: each stands as the core keeps it, whole or from an instant on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.monitoring.core.book import Book, Span
from services.monitoring.core.meters import Point
from services.monitoring.store import books
from tests.handlers.monitoring_office import Office, opened


@pytest.fixture
async def office(fresh_database: str) -> AsyncIterator[Office]:
    async with opened(fresh_database) as found:
        yield found


async def test_values_are_loaded_as_they_were_stored_and_replaced_where_they_stood(office: Office) -> None:
    pilot = uuid4()
    crowd = (Point(5, 1, 20, "gate"), Point(5, 2, 10, "main"), Point(9, 3, 30, "main"))
    grown = (Point(4, 1, 10**16, level=10**16), Point(6, 2, 7), Point(8, 3, -1, level=6))
    spans = {"crowd_peak": Span(crowd), "participants_total": Span(grown)}
    before = [("crowd_peak", crowd[0]._replace(value=99, sequence=0)), ("participants_total", grown[0])]
    values = [(metric, one) for metric, span in spans.items() for one in span.points]
    async with office.db.tx() as tx:
        for some in (before, values):
            await books.save_points(tx, {(pilot, metric, one.at, one.source): one for metric, one in some})
        await books.save(tx, {pilot: (0, Book(spans=spans))})
        assert (await books.load(tx, [pilot]))[pilot].spans == spans
        later = await books.extended(tx, {pilot: 5}, {pilot: Book(spans=spans)})
    assert later[pilot].spans == {
        "crowd_peak": Span(crowd[2:], 5),
        "participants_total": Span(grown[1:], 5),
    }
