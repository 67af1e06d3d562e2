"""The rules themselves: policy rows, criteria, gates, decisions, clocks, caps, documents, thresholds and defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from shared.contracts.base import Contract
from shared.contracts.events.decisions import ItemKind
from shared.contracts.pilot import StartMode
from shared.contracts.rules import (
    WINDOWS_OF,
    ClockRow,
    ClockUnit,
    DayKind,
    Gate,
    GatePhase,
    PolicyDefaults,
    PolicyRow,
    RuleDefaults,
)
from shared.reference.check.known import CLOCKS, DECISIONS, SERVICES, TIERS, Known
from shared.reference.rows.conditions import parse_needed, parse_required_when
from shared.reference.rows.model import ANY_SECTOR, COMMON, CriterionRow
from shared.reference.tables import POLICY, RULES, Tables

POINTERS: Mapping[str, type[Contract]] = {"row": PolicyRow, "defaults": PolicyDefaults, "rule_defaults": RuleDefaults}
_FROM_THE_DECISION = "decision_type.reply_working_days"
_NO_MAXIMUM = Decimal("Infinity")
_ASSETS = "heritage"  # the criterion whose options are the assets at stake


def policies(tables: Tables, known: Known) -> Iterator[str]:
    for dated in tables.dated.policies:
        row, where = dated.row, dated.where
        if row.sector not in known.sectors:
            yield f"{where}: unknown sector {row.sector}"
        if row.tier not in TIERS:
            yield f"{where}: tier is none of 1, 2, 3"
        for decision in row.four_eyes:
            if decision not in known.decisions:
                yield f"{where}: four_eyes names the unknown decision {decision}"
        yield from known.bases(where, row.legal_basis)
        yield from (f"{where}: {name} must be {must}" for name, must in _wrong_amounts(row))


def _wrong_amounts(row: PolicyRow) -> Iterator[tuple[str, str]]:
    """A wait that the start mode has not, or one that it lacks; a length below one."""
    waits = {
        StartMode.STANDSTILL: row.standstill_working_days,
        StartMode.PERMIT: row.permit_decision_working_days,
    }
    names = {StartMode.STANDSTILL: "standstill_working_days", StartMode.PERMIT: "permit_decision_working_days"}
    for mode, days in waits.items():
        if row.start is mode and days < 1:
            yield names[mode], f"at least 1 where start is {mode}"
        if row.start is not mode and days != 0:
            yield names[mode], f"0 where start is {row.start}"
    for name in ("max_duration_months", "report_every_months", "incident_report_hours"):
        if getattr(row, name) < 1:
            yield name, "at least 1"
    for name in ("max_extensions", "extension_max_months", "supplement_requests_max"):
        if getattr(row, name) < 0:
            yield name, "at least 0"


def anchors(tables: Tables, known: Known) -> Iterator[str]:
    """Each number of a policy row that names its anchor is that anchor's number."""
    fields = {located.row.field for located in tables.anchors}
    for located, names in tables.policy_anchors:
        for anchor in names:
            if anchor not in fields:
                yield f"{located.where}: unknown anchor {anchor}"
                continue
            for name, _, value in (part.partition("=") for part in anchor.split(",")):
                found = getattr(located.row, name, None)
                if found is not None and str(found) != value:
                    yield f"{located.where}: {name} is {found}, its anchor says {value}"


def criteria(tables: Tables, known: Known) -> Iterator[str]:
    for dated in tables.dated.criteria:
        row, where = dated.row, dated.where
        for sector in row.sectors or ():
            if sector not in known.sectors:
                yield f"{where}: unknown sector {sector}"
        yield from (f"{where}: {why}" for why in _wrong_criterion(row))
        for other in tables.dated.criteria:
            same = other.row.input == row.input and other.row.code < row.code
            if same and (row.sectors is None or other.row.sectors is None or {*row.sectors} & {*other.row.sectors}):
                yield f"{where}: overlap with {other.where}: both read {row.input}"


def _wrong_criterion(row: CriterionRow) -> Iterator[str]:
    codes = [option.code for option in row.options]
    if len(set(codes)) < len(codes):
        yield "an option stands twice"
    if row.kind == "choice" and (not codes or row.level1_max is not None or row.level2_max is not None):
        yield "a choice has options, and no level1_max or level2_max"
    if row.kind == "number" and (codes or row.level1_max is None):
        yield "a number has level1_max, and no options"
    if row.level1_max is not None and row.level2_max is not None and row.level2_max <= row.level1_max:
        yield "level2_max is not above level1_max"


def gates(tables: Tables, known: Known) -> Iterator[str]:
    for dated in tables.dated.gates:
        row: Gate = dated.row
        if row.sector != ANY_SECTOR and row.sector not in known.sectors:
            yield f"{dated.where}: unknown sector {row.sector}"
        if row.authority not in known.authorities:
            yield f"{dated.where}: unknown authority {row.authority}"
        if row.days < 0:
            yield f"{dated.where}: days must be at least 0"
        if row.phase is GatePhase.EXIT and (row.days < 1 or row.day_kind is not DayKind.CALENDAR):
            yield f"{dated.where}: a gate of the exit is a notice of at least 1 calendar day before the end"
        yield from known.bases(dated.where, (row.legal_basis,))


def decisions(tables: Tables, known: Known) -> Iterator[str]:
    for dated in tables.dated.decision_types:
        row, where = dated.row, dated.where
        if row.code not in DECISIONS:
            yield f"{where}: unknown decision {row.code}: no service knows what it does"
        for kind in row.resolves:
            if kind not in set(ItemKind):
                yield f"{where}: resolves the unknown item {kind}"
        if not row.resolves:
            yield f"{where}: resolves nothing"
        if min(row.reply_working_days, row.appeal_days) < 0:
            yield f"{where}: reply_working_days and appeal_days must be at least 0"


def clocks(tables: Tables, known: Known) -> Iterator[str]:
    for dated in tables.dated.clocks:
        row, where = dated.row, dated.where
        if row.code not in CLOCKS:
            yield f"{where}: unknown clock {row.code}: no service runs it"
        if row.owner not in SERVICES:
            yield f"{where}: unknown owner {row.owner}"
        yield from known.bases(where, (row.basis,), project=True)
        if (why := _wrong_amount(row)) is not None:
            yield f"{where}: {why}"
        if row.amount_complex is not None and (row.amount is None or row.amount_complex <= row.amount):
            yield f"{where}: amount_complex is not above amount"


def _wrong_amount(row: ClockRow) -> str | None:
    if row.unit is ClockUnit.INSTANT:
        return (
            None
            if row.amount is None and row.amount_from
            else "an instant has no number: its amount says how it is found"
        )
    if row.amount is not None:
        return None if row.amount >= 1 else "amount must be at least 1"
    if row.amount_from is None:
        return "amount is missing"
    table, _, name = row.amount_from.partition(".")
    if row.amount_from == _FROM_THE_DECISION:
        return None
    model = POINTERS.get(table)
    if model is None or name not in model.model_fields or model.model_fields[name].annotation is not int:
        return f"amount {row.amount_from!r} points at no number; it may point at {', '.join(POINTERS)} or {_FROM_THE_DECISION}"
    return None


def caps(tables: Tables, known: Known) -> Iterator[str]:
    numbers = {row.input for row in known.criteria.values() if row.kind == "number"}
    for dated in tables.dated.cap_maxima:
        row, where = dated.row, dated.where
        metric = known.metrics.get((COMMON, row.metric))
        if metric is None:
            yield f"{where}: {row.metric} is no common metric"
        elif not metric.cap:
            yield f"{where}: {row.metric} may not be capped"
        elif row.window is not None and row.window not in WINDOWS_OF[metric.kind]:
            yield f"{where}: a {metric.kind} has no window {row.window}"
        maxima = [_NO_MAXIMUM if (most := row.of(tier)) is None else most for tier in TIERS]
        if maxima != sorted(maxima):
            yield f"{where}: a higher tier allows less"
        if row.required_when is None:
            continue
        try:
            required = parse_required_when(row.required_when)
        except ValueError as error:
            yield f"{where}: required_when: {error}"
            continue
        if required.input is not None and required.input not in numbers:
            yield f"{where}: required_when: no criterion of kind number reads {required.input}"


def documents(tables: Tables, known: Known) -> Iterator[str]:
    for dated in tables.dated.documents:
        try:
            needed = parse_needed(dated.row.needed)
        except ValueError as error:
            yield f"{dated.where}: needed: {error}"
            continue
        for name, _ in needed.at_least:
            if name != "tier" and name not in known.criteria:
                yield f"{dated.where}: needed: unknown criterion {name}"


def thresholds(tables: Tables, known: Known) -> Iterator[str]:
    for dated in tables.dated.thresholds:
        row, where = dated.row, dated.where
        for sector in row.sectors:
            if sector != ANY_SECTOR and sector not in known.sectors:
                yield f"{where}: unknown sector {sector}"
            for metric in filter(None, (row.numerator, row.denominator)):
                if not known.metric(sector, metric):
                    yield f"{where}: unknown metric {metric} in {sector}"
        if min(row.scale, row.window_hours) < 1 or row.limit < 0:
            yield f"{where}: scale and window_hours must be at least 1, limit at least 0"
        yield from known.bases(where, (row.basis,), project=True)


def defaults(tables: Tables, known: Known) -> Iterator[str]:
    single = tables.singles
    assert (
        single.defaults and single.rule_defaults and single.check_budget and single.risk
    )  # else the first stage has failed
    yield from _low(f"{POLICY} [defaults]", single.defaults)
    rules, where = single.rule_defaults, f"{RULES} [rule_defaults]"
    yield from _low(where, rules)
    for metric in rules.critical_caps:
        if not any(code == metric for _, code in known.metrics):
            yield f"{where}: critical_caps names the unknown metric {metric}"
    for name in ("cap_warning_ratio", "threshold_clear_ratio"):
        if not 0 < getattr(rules, name) <= 1:
            yield f"{where}: {name} must lie above 0, and not above 1"
    if not rules.silence_severity:
        yield f"{where}: silence_severity is empty"
    yield from known.bases(f"{RULES} [check_budget]", (single.check_budget.basis,), project=True)
    yield from _levels(f"{RULES} [risk] sector_level", single.risk.sector_level, known.sectors)
    heritage = known.criteria.get(_ASSETS)
    if heritage is None:
        yield f"{RULES} [risk] asset_level: there is no criterion {_ASSETS}, whose options it rates"
    else:
        yield from _levels(f"{RULES} [risk] asset_level", single.risk.asset_level, {o.code for o in heritage.options})


def _low(where: str, row: Contract) -> Iterator[str]:
    for name, value in row:
        if isinstance(value, int) and value < 1:
            yield f"{where}: {name} must be at least 1"


def _levels(where: str, levels: Mapping[str, int], wanted: set[str]) -> Iterator[str]:
    yield from (f"{where}: unknown code {code}" for code in sorted(levels.keys() - wanted))
    yield from (f"{where}: no level for {code}" for code in sorted(wanted - levels.keys()))
    yield from (f"{where}: the level of {code} is not 1 to 4" for code, level in levels.items() if not 1 <= level <= 4)
