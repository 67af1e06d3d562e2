"""The reference data as a form needs it."""

from __future__ import annotations

from datetime import datetime

from shared.contracts.http.advice import (
    CriterionView,
    DocumentView,
    GateView,
    MetricView,
    Named,
    OptionView,
    ReferenceView,
)
from shared.contracts.rules import WINDOWS_OF, Gate, Metric
from shared.reference.calendar import local_day
from shared.reference.rows import CriterionRow, Rules


def view(rules: Rules, now: datetime) -> ReferenceView:
    """What is in force for an application received ``now``."""
    sectors = [row for code, row in rules.fixed.sectors.items() if rules.sector(code) is not None]
    return ReferenceView(
        at=now,
        rule_set=rules.rule_set.version,
        sectors=tuple(Named(code=row.code, name_vi=row.name_vi, name_en=row.name_en) for row in sectors),
        provinces=tuple(
            Named(code=row.code, name_vi=row.full_name_vi, name_en=row.name_en)
            for row in rules.fixed.provinces.values()
        ),
        criteria=tuple(_criterion(row) for row in rules.criteria),
        gates=tuple(_gate(row) for row in rules.gates.values()),
        metrics=tuple(_metric(row) for row in rules.fixed.metrics),
        documents=tuple(
            DocumentView(code=row.code, name_vi=row.name_vi, name_en=row.name_en, needed=row.needed)
            for row in rules.documents.values()
        ),
        legal_bases=tuple(row.frozen() for row in rules.fixed.legal_bases.values() if row.in_force(local_day(now))),
    )


def _criterion(row: CriterionRow) -> CriterionView:
    options = tuple(
        OptionView(code=option.code, level=option.level, vi=option.vi, en=option.en) for option in row.options
    )
    return CriterionView.model_validate(row.model_dump() | {"options": options})


def _gate(row: Gate) -> GateView:
    return GateView.model_validate(row.model_dump())


def _metric(row: Metric) -> MetricView:
    return MetricView.model_validate(row.model_dump() | {"windows": WINDOWS_OF[row.kind]})
