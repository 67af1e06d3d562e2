"""A rule set: all dated rows of one state of the files, and what is in force on a given day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

from shared.contracts.pilot import Cap
from shared.contracts.rules import (
    CapMaximum,
    ClockRow,
    DecisionType,
    FrozenRules,
    Gate,
    GatePhase,
    Metric,
    PolicyDefaults,
    PolicyRow,
    RuleDefaults,
    ThresholdDefault,
)
from shared.reference.rows.authorities import Authorities
from shared.reference.rows.caps import CapFault, cap_faults, required_caps
from shared.reference.rows.conditions import parse_needed
from shared.reference.rows.model import (
    ANY_SECTOR,
    COMMON,
    PROJECT,
    CheckBudget,
    CriterionRow,
    CrossCutting,
    Dated,
    Document,
    LegacySector,
    LegalBasisRow,
    Province,
    RiskRow,
    Row,
    Sector,
    TypeChange,
)
from shared.reference.rows.tiers import Tiering, tiering


@dataclass(frozen=True)
class DatedRows:
    """The rows that carry dates, in the order of the files."""

    policies: Sequence[Dated[PolicyRow]]
    criteria: Sequence[Dated[CriterionRow]]
    gates: Sequence[Dated[Gate]]
    decision_types: Sequence[Dated[DecisionType]]
    clocks: Sequence[Dated[ClockRow]]
    cap_maxima: Sequence[Dated[CapMaximum]]
    documents: Sequence[Dated[Document]]
    thresholds: Sequence[Dated[ThresholdDefault]]


@dataclass(frozen=True)
class FixedRows:
    """The rows that one state of the files has once: who and what there is, and the single tables of defaults."""

    sectors: Mapping[str, Sector]
    legacy_sectors: Mapping[str, LegacySector]
    cross_cutting: Mapping[str, CrossCutting]
    metrics: Sequence[Metric]
    authorities: Authorities
    provinces: Mapping[str, Province]
    type_changes: Sequence[TypeChange]
    legal_bases: Mapping[str, LegalBasisRow]
    defaults: PolicyDefaults
    rule_defaults: RuleDefaults
    check_budget: CheckBudget
    risk: RiskRow

    def metrics_of(self, sector: str) -> dict[str, Metric]:
        """What a pilot of ``sector`` may report: the common metrics, then the sector's."""
        scopes = (COMMON, sector)
        return {metric.code: metric for scope in scopes for metric in self.metrics if metric.scope == scope}

    def province_type(self, code: str, on: date) -> Literal["city", "province"]:
        """The unit's type in force on ``on``: decisions and letters print that one. Raises ``KeyError`` for an unknown province."""
        kind = self.provinces[code].type
        later = [change for change in self.type_changes if change.code == code and change.effective > on]
        return min(later, key=lambda change: change.effective).from_type if later else kind


@dataclass(frozen=True)
class RuleSet:
    """One state of the reference files. ``version`` is the SHA-256 over ``files``, which are kept whole so that it can be stored.

    ``warnings`` are what the check found that does not keep the set from being used.
    """

    version: str
    files: Mapping[str, bytes]
    fixed: FixedRows
    dated: DatedRows
    warnings: tuple[str, ...] = ()
    _views: dict[date, Rules] = field(init=False, repr=False, compare=False, default_factory=dict)

    def on(self, day: date) -> Rules:
        """The rules in force for an application received on ``day``. Before the first row is in force there is no policy row."""
        if day not in self._views:
            self._views[day] = Rules(self, day)
        return self._views[day]

    def legal_warnings(self, day: date) -> tuple[str, ...]:
        """Acts that a policy row or a gate in force on ``day`` cites although they are not in force on that day."""
        rows: list[tuple[str, tuple[str, ...]]] = [
            (dated.where, dated.row.legal_basis) for dated in self.dated.policies if dated.covers(day)
        ]
        rows += [(dated.where, (dated.row.legal_basis,)) for dated in self.dated.gates if dated.covers(day)]
        return tuple(
            f"{where}: cites {basis}, which is not in force on {day}"
            for where, bases in rows
            for basis in bases
            if not self.fixed.legal_bases[basis].in_force(day)
        )


@dataclass(frozen=True)
class Rules:
    """What is in force on ``day``: the look-ups that an application received that day is judged by."""

    rule_set: RuleSet
    day: date

    @property
    def fixed(self) -> FixedRows:
        return self.rule_set.fixed

    @cached_property
    def policies(self) -> dict[tuple[str, int], PolicyRow]:
        return {(row.sector, row.tier): row for row in self._now(self.rule_set.dated.policies)}

    @cached_property
    def criteria(self) -> tuple[CriterionRow, ...]:
        return tuple(self._now(self.rule_set.dated.criteria))

    @cached_property
    def gates(self) -> dict[str, Gate]:
        return {row.code: row for row in self._now(self.rule_set.dated.gates)}

    @cached_property
    def decision_types(self) -> dict[str, DecisionType]:
        return {row.code: row for row in self._now(self.rule_set.dated.decision_types)}

    @cached_property
    def clocks(self) -> dict[str, ClockRow]:
        return {row.code: row for row in self._now(self.rule_set.dated.clocks)}

    @cached_property
    def cap_maxima(self) -> dict[str, CapMaximum]:
        return {row.metric: row for row in self._now(self.rule_set.dated.cap_maxima)}

    @cached_property
    def documents(self) -> dict[str, Document]:
        return {row.code: row for row in self._now(self.rule_set.dated.documents)}

    def policy(self, sector: str, tier: int) -> PolicyRow | None:
        """The admission row, None where the sector is outside the sandbox."""
        return self.policies.get((sector, tier))

    def sector(self, code: str) -> Sector | None:
        """The sector, None where it is outside the sandbox: not in the list, or without rows in force."""
        found = self.fixed.sectors.get(code)
        return found if found is not None and self.policy(code, 1) is not None else None

    def metrics(self, sector: str) -> dict[str, Metric]:
        return self.fixed.metrics_of(sector)

    def thresholds(self, sector: str) -> dict[str, ThresholdDefault]:
        """The threshold rules that hold in ``sector`` whatever its envelope says."""
        rows = self._now(self.rule_set.dated.thresholds)
        return {row.code: row for row in rows if ANY_SECTOR in row.sectors or sector in row.sectors}

    def tier(self, answers: Mapping[str, str | int], sector: str) -> Tiering:
        """The tier by the criteria table, each criterion with its level, and every answer that is missing or unknown."""
        return tiering(self.criteria, answers, sector)

    def activities(self, sector: str) -> tuple[Gate, ...]:
        """The gates to ask an applicant of ``sector`` about: its own and those of every sector."""
        return tuple(gate for gate in self.gates.values() if gate.sector in (ANY_SECTOR, sector))

    def declared_gates(
        self, activities: Iterable[str], phase: GatePhase | None = None
    ) -> tuple[tuple[Gate, ...], tuple[str, ...]]:
        """The gates of the declared activities, each once, and the codes that are no gate.

        The law asks for an activity whatever the sector of who does it: a gate of another sector counts as well.
        """
        codes = tuple(dict.fromkeys(activities))
        found = tuple(self.gates[code] for code in codes if code in self.gates)
        unknown = tuple(code for code in codes if code not in self.gates)
        return tuple(gate for gate in found if phase in (None, gate.phase)), unknown

    def lead_authority(self, sector: str, provinces: Sequence[str]) -> str:
        """Who leads a pilot in these provinces. Raises ``KeyError`` for an unknown sector, ``LookupError`` for an unknown province."""
        row = self.fixed.sectors[sector]
        several = len(set(provinces)) > 1
        return self.fixed.authorities.expand(row.lead_more_provinces if several else row.lead_one_province, provinces)[
            0
        ]

    def gate_authorities(self, gate: Gate, provinces: Sequence[str], communes: Sequence[str] = ()) -> tuple[str, ...]:
        """Who decides on the gate: one authority per declared province (or commune) where the place decides, else one.

        Raises ``LookupError`` when the gate asks for a commune and none is declared.
        """
        return self.fixed.authorities.expand(gate.authority, provinces, communes)

    def documents_needed(self, levels: Mapping[str, int], tier: int, held_permit: bool) -> tuple[Document, ...]:
        """The closed list for these levels (by criterion code): nothing off it may be asked for."""
        return tuple(
            document
            for document in self.documents.values()
            if parse_needed(document.needed).holds(levels, tier, held_permit)
        )

    def required_caps(self, answers: Mapping[str, str | int]) -> tuple[CapMaximum, ...]:
        return required_caps(self.cap_maxima.values(), answers)

    def cap_faults(
        self, caps: Sequence[Cap], sector: str, tier: int, answers: Mapping[str, str | int]
    ) -> tuple[CapFault, ...]:
        """Everything that is wrong with the caps of an envelope, at once."""
        return cap_faults(caps, tier, answers, self.metrics(sector), self.cap_maxima)

    def freeze(self, sector: str, tier: int, gates: Iterable[Gate] = ()) -> FrozenRules:
        """All that binds a pilot of this sector and tier with these gates. Raises ``KeyError`` when there is no policy row in force."""
        cited = frozenset(gate.legal_basis for gate in gates)
        if (sector, tier, cited) not in self._frozen:  # few combinations, asked for at every registration
            self._frozen[sector, tier, cited] = self._freeze(sector, tier, cited)
        return self._frozen[sector, tier, cited]

    @cached_property
    def _frozen(self) -> dict[tuple[str, int, frozenset[str]], FrozenRules]:
        return {}

    def _freeze(self, sector: str, tier: int, gate_bases: frozenset[str]) -> FrozenRules:
        policy = self.policies[sector, tier]
        clocks = {code: self._with_amount(clock, policy) for code, clock in self.clocks.items()}
        thresholds = self.thresholds(sector)
        cited = [*policy.legal_basis, *self.fixed.sectors[sector].legal_bases]
        cited += [clock.basis for clock in clocks.values()]
        cited += [threshold.basis for threshold in thresholds.values()]
        cited += sorted(gate_bases)
        return FrozenRules(
            rule_set=self.rule_set.version,
            received_on=self.day,
            policy=policy,
            defaults=self.fixed.defaults,
            clocks=clocks,
            rule_defaults=self.fixed.rule_defaults,
            thresholds=thresholds,
            decision_types=self.decision_types,
            cap_maxima=self.cap_maxima,
            metrics=self.metrics(sector),
            sector_level=self.fixed.risk.sector_level[sector],
            priority_default=self.fixed.risk.priority_default,
            asset_level=self.fixed.risk.asset_level,
            legal_bases={code: self.fixed.legal_bases[code].frozen() for code in cited if code != PROJECT},
        )

    def _with_amount(self, clock: ClockRow, policy: PolicyRow) -> ClockRow:
        """The clock with its length, where it stands in the policy row or in the defaults."""
        if clock.amount is not None or clock.amount_from is None:
            return clock
        table, _, name = clock.amount_from.partition(".")
        tables = {"row": policy, "defaults": self.fixed.defaults, "rule_defaults": self.fixed.rule_defaults}
        return clock.model_copy(update={"amount": getattr(tables[table], name)}) if table in tables else clock

    def _now(self, rows: Iterable[Dated[Row]]) -> list[Row]:
        return [dated.row for dated in rows if dated.covers(self.day)]
