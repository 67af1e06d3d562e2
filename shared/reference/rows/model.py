"""The rows of the reference files that no event carries. Those that events carry are in :mod:`shared.contracts.rules`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Generic, Literal, TypeVar

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.rules import LegalBasis

Row = TypeVar("Row", bound=Contract)

ANY_SECTOR = "any"
COMMON = "common"
PROJECT = "project"
"""In place of a legal basis: a choice of this project, not a law."""


@dataclass(frozen=True, slots=True)
class Dated(Generic[Row]):
    """A row and when it is in force: from ``effective_from`` until before ``effective_to``. ``where`` names file and row, for errors."""

    row: Row
    effective_from: date
    effective_to: date | None
    where: str

    def covers(self, day: date) -> bool:
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)


class Sector(Contract):
    """A cultural industry of the sandbox: who leads a pilot in one province, and in more; who may join; what it reports."""

    code: str
    order: int
    name_vi: str
    name_en: str
    lead_one_province: str
    lead_more_provinces: str
    authorities: tuple[str, ...]
    pilot_examples_vi: tuple[str, ...]
    pilot_examples_en: tuple[str, ...]
    legal_bases: tuple[str, ...]
    metrics: tuple[str, ...]


class LegacySector(Contract):
    """A code of the twelve-industry list of 2016, seen in older data; ``maps_to`` is empty where nothing succeeds it."""

    code: str
    name_vi: str
    name_en: str
    maps_to: str


class CrossCutting(Contract):
    """A regime that is no industry and may bring its own authorities to a case."""

    code: str
    name_vi: str
    name_en: str
    authorities: tuple[str, ...]
    legal_bases: tuple[str, ...]


class Option(Contract):
    """A possible answer to a criterion of kind choice, and the level that it reaches."""

    code: str
    level: Literal[1, 2, 3]
    vi: str
    en: str


class CriterionRow(Contract):
    """A tier criterion. ``sectors`` None: asked everywhere. ``note`` is for who answers."""

    code: str
    question_vi: str
    question_en: str
    input: str
    kind: Literal["choice", "number"]
    options: tuple[Option, ...] = ()
    level1_max: int | None = None
    level2_max: int | None = None
    sectors: tuple[str, ...] | None = None
    note: str | None = None

    def asked_in(self, sector: str) -> bool:
        return self.sectors is None or sector in self.sectors

    def option(self, code: str | int) -> Option | None:
        return next((option for option in self.options if option.code == code), None)

    def level_of_number(self, value: int) -> Literal[1, 2, 3]:
        """``level1_max`` or less is level 1, ``level2_max`` or less level 2, above it 3; without ``level2_max`` all above is level 2."""
        if self.level1_max is not None and value <= self.level1_max:
            return 1
        return 2 if self.level2_max is None or value <= self.level2_max else 3


class Document(Contract):
    """A document of the closed list, and when it is needed (see :mod:`shared.reference.rows.conditions`)."""

    code: str
    name_vi: str
    name_en: str
    needed: str


class CheckBudget(Contract):
    """What an enterprise may be asked to bear in a calendar year, over all authorities together."""

    onsite_checks_per_year: int
    inspections_per_year: int
    never_both_on_the_same_content: bool
    remote_checks_count: bool
    remote_first: bool
    basis: str


class RiskRow(Contract):
    """The risk inputs that an office sets, each a level from 1 to 4."""

    sector_level: dict[str, int]
    priority_default: int = Field(ge=1, le=4)
    asset_level: dict[str, int]
    basis: str


class Province(Contract):
    """A provincial-level unit by its 2-digit statistical code. ``full_name_vi`` carries the unit's type of today.

    ``in_name_vi`` is the form within another name where it is not the usual one (``tỉnh Cao Bằng``, the type in small letters).
    """

    code: str
    name_vi: str
    name_en: str
    full_name_vi: str
    slug: str
    type: Literal["city", "province"]
    in_name_vi: str | None = None

    @property
    def within_a_name(self) -> str:
        return self.in_name_vi or self.full_name_vi[:1].lower() + self.full_name_vi[1:]


class TypeChange(Contract):
    """A province became a city (or the other way): letters print the type in force on their own date."""

    code: str
    from_type: Literal["city", "province"]
    to_type: Literal["city", "province"]
    effective: date
    legal_basis: str


class LegalBasisRow(LegalBasis):
    """A legal basis with what the check needs besides: when it was issued, its other names, what replaced it."""

    issued: date | None = None
    aliases: tuple[str, ...] = ()
    replaced_by: str | None = None

    def frozen(self) -> LegalBasis:
        return LegalBasis(**{name: getattr(self, name) for name in LegalBasis.model_fields})
