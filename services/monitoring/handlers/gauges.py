"""The domain's counts for Prometheus."""

from __future__ import annotations

from services.monitoring.store import findings
from shared.platform.db import Database
from shared.platform.figures import Count, Counted, Figure

FIGURES = (Figure("open_findings", "Open findings", ("rule", "severity")),)


def counting(db: Database) -> Count:
    async def count() -> Counted:
        async with db.tx() as tx:
            rows = await findings.count_open(tx)
        return {"open_findings": {(rule, severity): number for rule, severity, number in rows}}

    return count
