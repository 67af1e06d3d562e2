"""The domain's counts for Prometheus."""

from __future__ import annotations

from services.decisions.core.model import MeasureState
from services.decisions.store import statistics
from shared.contracts.events.decisions import ItemKind
from shared.contracts.rules import DecisionKind
from shared.platform.db import Database
from shared.platform.figures import Count, Counted, Figure

FIGURES = (
    Figure("queue_cases", "Open cases in the queue"),
    Figure("queue_oldest_opened_seconds", "When the oldest open case was opened, Unix seconds of domain time; 0: none"),
    Figure("items_overdue", "Open items whose clock ran out"),
    Figure("open_items", "Open items", ("kind",), tuple((kind.value,) for kind in ItemKind)),
    Figure("decisions_issued", "Decisions issued", ("kind",), tuple((kind.value,) for kind in DecisionKind)),
    Figure("interim_measures", "Interim measures", ("state",), tuple((state.value,) for state in MeasureState)),
)


def counting(db: Database) -> Count:
    async def count() -> Counted:
        async with db.tx() as tx:
            totals = await statistics.totals(tx)
            oldest = await statistics.oldest_open(tx)
            items = await statistics.counts(tx, "items_open")
            decisions = await statistics.counts(tx, "decisions_by_kind")
            measures = await statistics.counts(tx, "measures_by_state")
        return {
            "queue_cases": {(): totals["cases_open"]},
            "queue_oldest_opened_seconds": {(): 0 if oldest is None else oldest.timestamp()},
            "items_overdue": {(): totals["items_overdue"]},
            "open_items": {(kind,): number for kind, number in items.items()},
            "decisions_issued": {(kind,): number for kind, number in decisions.items()},
            "interim_measures": {(state,): number for state, number in measures.items()},
        }

    return count
