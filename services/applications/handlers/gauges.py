"""The domain's counts for Prometheus."""

from __future__ import annotations

from services.applications.store import applications, pilots
from shared.contracts.http.applications import ApplicationStatus
from shared.contracts.pilot import PilotState
from shared.platform.db import Database
from shared.platform.figures import Count, Counted, Figure

FIGURES = (
    Figure("applications", "Applications, by status", ("status",)),
    Figure("pilots", "Pilots, by state", ("state",)),
)


def counting(db: Database) -> Count:
    async def count() -> Counted:
        async with db.tx() as tx:
            filed, piloted = await applications.counts(tx), await pilots.counts(tx)
        return {
            "applications": {(status,): filed.get(status, 0) for status in ApplicationStatus},
            "pilots": {(state,): piloted.get(state, 0) for state in PilotState},
        }

    return count
