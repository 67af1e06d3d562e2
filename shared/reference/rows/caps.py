"""Whether the caps of an envelope are lawful: known metrics and windows, none above its tier's maximum, none missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from shared.contracts.pilot import Cap, Window
from shared.contracts.rules import WINDOWS_OF, CapMaximum, Metric
from shared.reference.rows.conditions import parse_required_when

TIERS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class CapFault:
    """What is wrong with a cap, at ``index`` of the envelope's caps (None: a cap that is missing). All of it can be mended.

    ``over_maximum`` names the ``maximum`` and ``allowed_by_tier``, the lowest tier that would allow the declared limit. ``missing``
    names in ``window`` the window that must be capped, None when any will do.
    """

    why: Literal["unknown_metric", "not_cappable", "wrong_window", "declared_twice", "over_maximum", "missing"]
    metric: str
    index: int | None = None
    window: Window | None = None
    maximum: Decimal | None = None
    allowed_by_tier: int | None = None


def cap_faults(
    caps: Sequence[Cap],
    tier: int,
    answers: Mapping[str, str | int],
    metrics: Mapping[str, Metric],
    maxima: Mapping[str, CapMaximum],
) -> tuple[CapFault, ...]:
    """Every fault of ``caps`` at once, in their order, then those that are missing. ``metrics`` are those of the pilot's sector."""
    faults: list[CapFault] = []
    seen: set[tuple[str, Window]] = set()
    for index, cap in enumerate(caps):
        faults.extend(_faults_of(index, cap, tier, metrics, maxima))
        if (cap.metric, cap.window) in seen:
            faults.append(CapFault("declared_twice", cap.metric, index, cap.window))
        seen.add((cap.metric, cap.window))
    missing = (
        CapFault("missing", row.metric, window=row.window, maximum=row.of(tier))
        for row in required_caps(maxima.values(), answers)
        if not any(metric == row.metric and row.window in (None, window) for metric, window in seen)
    )
    return (*faults, *missing)


def required_caps(maxima: Iterable[CapMaximum], answers: Mapping[str, str | int]) -> tuple[CapMaximum, ...]:
    """The metrics that an envelope with these answers must cap."""
    return tuple(row for row in maxima if row.required_when and parse_required_when(row.required_when).holds(answers))


def _faults_of(
    index: int, cap: Cap, tier: int, metrics: Mapping[str, Metric], maxima: Mapping[str, CapMaximum]
) -> Iterable[CapFault]:
    metric = metrics.get(cap.metric)
    if metric is None:
        yield CapFault("unknown_metric", cap.metric, index, cap.window)
        return
    if not metric.cap:
        yield CapFault("not_cappable", cap.metric, index, cap.window)
    if cap.window not in WINDOWS_OF[metric.kind]:
        yield CapFault("wrong_window", cap.metric, index, cap.window)
    row = maxima.get(cap.metric)
    if row is None or row.window not in (None, cap.window):
        return
    maximum = row.of(tier)
    if maximum is not None and cap.limit > maximum:
        allowing = (other for other in TIERS if (most := row.of(other)) is None or cap.limit <= most)
        yield CapFault("over_maximum", cap.metric, index, cap.window, maximum, next(allowing, None))
