"""The domain's counts for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Gauge

from services.decisions.store import statistics
from shared.platform.db import Database
from shared.platform.metrics import Metrics


class DomainGauges:
    """The domain's counts for Prometheus, read from the database before each scrape."""

    def __init__(self, db: Database, metrics: Metrics) -> None:
        self._db = db
        self._length = metrics.gauge("queue_cases", "Open cases in the queue")
        self._oldest = metrics.gauge(
            "queue_oldest_opened_seconds", "When the oldest open case was opened, Unix seconds of domain time; 0: none"
        )
        self._overdue = metrics.gauge("items_overdue", "Open items whose clock ran out")
        self._items = metrics.gauge("open_items", "Open items", "kind")
        self._decisions = metrics.gauge("decisions_issued", "Decisions issued", "kind")
        self._measures = metrics.gauge("interim_measures", "Interim measures", "state")

    async def refresh(self) -> None:
        async with self._db.tx() as tx:
            totals = await statistics.totals(tx)
            oldest = await statistics.oldest_open(tx)
            items = await statistics.counts(tx, "items_open")
            decisions = await statistics.counts(tx, "decisions_by_kind")
            measures = await statistics.counts(tx, "measures_by_state")
        self._length.set(totals["cases_open"])
        self._overdue.set(totals["items_overdue"])
        self._oldest.set(0 if oldest is None else oldest.timestamp())
        for gauge, label, found in (
            (self._items, "kind", items),
            (self._decisions, "kind", decisions),
            (self._measures, "state", measures),
        ):
            _fill(gauge, label, found)


def _fill(gauge: Gauge, label: str, found: Mapping[str, int]) -> None:
    gauge.clear()
    for name, count in found.items():
        gauge.labels(**{label: name}).set(count)
