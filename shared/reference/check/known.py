"""The codes that rows may name, and those that services act on by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.contracts.rules import ClockCode, DecisionKind
from shared.reference.rows.model import COMMON, PROJECT
from shared.reference.tables import Tables

SERVICES = frozenset({"applications", "monitoring", "decisions"})
TIERS = (1, 2, 3)

# A clock or a kind of decision outside these would be a row that nobody reads; one that is missing would be found out only when
# it is needed.
CLOCKS: frozenset[str] = frozenset(ClockCode)
DECISIONS: frozenset[str] = frozenset(DecisionKind)


class Known:
    """The codes that rows may name."""

    def __init__(self, tables: Tables) -> None:
        subjects = tables.subjects
        self.sectors = {located.row.code for located in subjects.sectors}
        self.acts = {located.row.code for located in subjects.legal_bases}
        self.metrics = {(located.row.scope, located.row.code): located.row for located in subjects.metrics}
        self.provinces = {located.row.code for located in tables.organs.provinces}
        self.decisions = {dated.row.code for dated in tables.dated.decision_types}
        self.criteria = {dated.row.code: dated.row for dated in tables.dated.criteria}
        codes = {row.code for row in tables.organs.expanded()}
        # Some provinces have a tourism department of their own; elsewhere the culture department does its work.
        patterns = {located.row.code_template for located in tables.organs.patterns}
        self.authorities = codes | patterns | {"prov_{p}_tourism"}

    def metric(self, sector: str, code: str) -> bool:
        return (COMMON, code) in self.metrics or (sector, code) in self.metrics

    def bases(self, where: str, codes: Iterable[str], project: bool = False) -> Iterator[str]:
        for code in codes:
            if code not in self.acts and not (project and code == PROJECT):
                yield f"{where}: unknown legal basis {code}"
