"""Which tables the reference files have, and which row each becomes: everything well formed, nothing yet compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shared.contracts.base import Contract
from shared.contracts.rules import (
    Authority,
    CapMaximum,
    ClockRow,
    DecisionType,
    Gate,
    Metric,
    PolicyDefaults,
    PolicyRow,
    RuleDefaults,
    ThresholdDefault,
)
from shared.reference.reading import Located, Reader, Table
from shared.reference.rows.authorities import (
    COMMUNE_PATTERN,
    Authorities,
    AuthorityPattern,
    AuthoritySplit,
    expanded,
)
from shared.reference.rows.model import (
    CheckBudget,
    CriterionRow,
    CrossCutting,
    Document,
    LegacySector,
    LegalBasisRow,
    Province,
    RiskRow,
    Sector,
    TypeChange,
)
from shared.reference.rows.ruleset import DatedRows, FixedRows

AUTHORITIES, LEGAL, POLICY = "authorities.toml", "legal_bases.toml", "policy.toml"
PROVINCES, RULES, SECTORS = "provinces.toml", "rules.toml", "sectors.toml"
FILES = (AUTHORITIES, LEGAL, POLICY, PROVINCES, RULES, SECTORS)

# Promises that the code keeps in any case: [defaults] states them for people, and no row can turn them off.
_PROMISES = (
    "incident_report_hours",
    "supplement_requests_max",
    "supplement_clock",
    "reasons_in_writing",
    "documents_off_list_forbidden",
    "rules_frozen_at_receipt",
    "hour_clocks_run_through_holidays",
    "silence_on_permit",
    "silence_on_standstill",
    "four_eyes_rule",
)


class Anchor(Contract):
    """Which regime a number of the policy was taken from. ``field`` names one value, or several: ``name=value,name=value``."""

    field: str
    value: int | bool | str
    regime: str


@dataclass(frozen=True)
class Organs:
    """Who decides, and where."""

    authorities: list[Located[Authority]]
    patterns: list[Located[AuthorityPattern]]
    splits: list[Located[AuthoritySplit]]
    provinces: list[Located[Province]]
    type_changes: list[Located[TypeChange]]
    counts: dict[str, int | None]

    def expanded(self) -> list[Authority]:
        """Every authority but the communes': a code may occur twice here, which the check reports."""
        provinces = [located.row for located in self.provinces]
        split = [department for located in self.splits for department in located.row.departments()]
        patterns = [located.row for located in self.patterns]
        return [*(located.row for located in self.authorities), *expanded(patterns, provinces), *split]

    def communes(self) -> AuthorityPattern | None:
        return next((p.row for p in self.patterns if p.row.code_template == COMMUNE_PATTERN), None)


@dataclass(frozen=True)
class Subjects:
    """What is piloted and measured, and the acts that may be cited."""

    sectors: list[Located[Sector]]
    legacy_sectors: list[Located[LegacySector]]
    cross_cutting: list[Located[CrossCutting]]
    metrics: list[Located[Metric]]
    legal_bases: list[Located[LegalBasisRow]]


@dataclass(frozen=True)
class Singles:
    """The tables that stand once, None where missing or wrong."""

    since: date | None
    defaults: PolicyDefaults | None
    rule_defaults: RuleDefaults | None
    check_budget: CheckBudget | None
    risk: RiskRow | None


@dataclass(frozen=True)
class Tables:
    """All well-formed rows. ``policy_anchors`` are the anchors that each policy row names, in the order of the rows."""

    organs: Organs
    subjects: Subjects
    singles: Singles
    dated: DatedRows
    anchors: list[Located[Anchor]]
    policy_anchors: list[tuple[Located[PolicyRow], list[str]]]

    def fixed(self) -> FixedRows:
        """What the files have once. Call it when no error was found: then nothing is missing."""
        singles, subjects, organs = self.singles, self.subjects, self.organs
        commune = organs.communes()
        assert commune and singles.defaults and singles.rule_defaults and singles.check_budget and singles.risk
        return FixedRows(
            sectors={located.row.code: located.row for located in subjects.sectors},
            legacy_sectors={located.row.code: located.row for located in subjects.legacy_sectors},
            cross_cutting={located.row.code: located.row for located in subjects.cross_cutting},
            metrics=[located.row for located in subjects.metrics],
            authorities=Authorities({row.code: row for row in organs.expanded()}, commune),
            provinces={located.row.code: located.row for located in organs.provinces},
            type_changes=[located.row for located in organs.type_changes],
            legal_bases={located.row.code: located.row for located in subjects.legal_bases},
            defaults=singles.defaults,
            rule_defaults=singles.rule_defaults,
            check_budget=singles.check_budget,
            risk=singles.risk,
        )


def read_tables(reader: Reader) -> Tables:
    """Every table of the files. What is malformed stands in ``reader.errors``, and is left out here."""
    for name in FILES:
        if reader.raw(name) and reader.raw(name).get("schema_version") != 1:
            reader.errors.append(f"{name}: schema_version is not 1")
    policies = reader.rows(POLICY, "policy", PolicyRow, key="sector", also=("anchors",))
    anchors = reader.rows(POLICY, "anchor", Anchor, key="field")
    reader.unique(anchors, lambda row: row.field, "field")
    return Tables(
        organs=_organs(reader),
        subjects=_subjects(reader),
        singles=_singles(reader),
        dated=_dated(reader, policies),
        anchors=anchors,
        policy_anchors=[(located, located.raw.get("anchors", [])) for located in policies],
    )


def _organs(reader: Reader) -> Organs:
    found = Organs(
        authorities=reader.rows(AUTHORITIES, "authority", Authority),
        patterns=reader.rows(AUTHORITIES, "authority_pattern", AuthorityPattern, key="code_template"),
        splits=reader.rows(AUTHORITIES, "authority_split", AuthoritySplit, key="province", optional=True),
        provinces=reader.rows(PROVINCES, "province", Province, also=("type_2025_07_01", "commune_units")),
        type_changes=reader.rows(PROVINCES, "type_change", TypeChange, also=("note_vi", "note_en"), optional=True),
        counts={name: reader.value(PROVINCES, name, int) for name in ("count", "count_city", "count_province")},
    )
    reader.unique(found.authorities, lambda row: row.code)
    reader.unique(found.provinces, lambda row: row.code)
    return found


def _subjects(reader: Reader) -> Subjects:
    found = Subjects(
        sectors=reader.rows(SECTORS, "sector", Sector),
        legacy_sectors=reader.rows(SECTORS, "legacy_sector", LegacySector, optional=True),
        cross_cutting=reader.rows(SECTORS, "cross_cutting", CrossCutting, optional=True),
        metrics=reader.rows(SECTORS, "metric", Metric),
        legal_bases=reader.rows(LEGAL, "legal_basis", LegalBasisRow, also=("cited_for", "key_facts", "amended_by")),
    )
    reader.unique(found.sectors, lambda row: row.code)
    reader.unique(found.sectors, lambda row: row.order, "order")
    reader.unique(found.legacy_sectors, lambda row: row.code)
    reader.unique(found.cross_cutting, lambda row: row.code)
    reader.unique(found.metrics, lambda row: (row.scope, row.code), "scope and code")
    reader.unique(found.legal_bases, lambda row: row.code)
    return found


def _singles(reader: Reader) -> Singles:
    return Singles(
        since=reader.value(POLICY, "effective_from", date),
        defaults=reader.single(POLICY, "defaults", PolicyDefaults, also=_PROMISES),
        rule_defaults=reader.single(RULES, "rule_defaults", RuleDefaults, also=("basis",)),
        check_budget=reader.single(RULES, "check_budget", CheckBudget),
        risk=reader.single(RULES, "risk", RiskRow),
    )


def _dated(reader: Reader, policies: list[Located[PolicyRow]]) -> DatedRows:
    rows, dated = reader.rows, reader.dated
    return DatedRows(
        policies=dated(POLICY, policies),
        criteria=dated(POLICY, rows(POLICY, "criterion", CriterionRow)),
        gates=dated(POLICY, rows(POLICY, "statutory_gate", Gate)),
        decision_types=dated(POLICY, rows(POLICY, "decision_type", DecisionType, also=("effect",))),
        clocks=dated(RULES, rows(RULES, "clock", ClockRow, also=("on_due",), change=_clock)),
        cap_maxima=dated(RULES, rows(RULES, "cap_maximum", CapMaximum, key="metric", also=("basis",))),
        documents=dated(RULES, rows(RULES, "document", Document)),
        thresholds=dated(RULES, rows(RULES, "threshold_default", ThresholdDefault)),
    )


def _clock(raw: Table) -> Table:
    """``amount`` is a number, or says where the number stands: the two are kept apart."""
    if not isinstance(raw.get("amount"), str):
        return raw
    return {"amount_from" if name == "amount" else name: value for name, value in raw.items()}
