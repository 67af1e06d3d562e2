"""The domain's counts for Prometheus."""

from __future__ import annotations

from services.monitoring.store import aside, findings
from shared.contracts.events.monitoring import RuleCode
from shared.contracts.pilot import Severity
from shared.platform.db import Database
from shared.platform.figures import Count, Counted, Figure

_EACH = tuple((rule.value, severity.value) for rule in RuleCode for severity in Severity)
FIGURES = (
    Figure("open_findings", "Open findings", ("rule", "severity"), _EACH),
    Figure("pilots_set_aside", "Pilots set aside because judging them failed"),
    Figure("pilots_set_aside_oldest_seconds", "For how long the first of them has been aside"),
)


def counting(db: Database) -> Count:
    async def count() -> Counted:
        async with db.tx() as tx:
            rows = await findings.count_open(tx)
            apart, age = await aside.count(tx)
        return {
            "open_findings": {(rule, severity): number for rule, severity, number in rows},
            "pilots_set_aside": {(): apart},
            "pilots_set_aside_oldest_seconds": {(): age},
        }

    return count
