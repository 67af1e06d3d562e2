"""Competent authorities: the ministry's by code, the provinces' expanded from patterns, the communes' by the form of their code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shared.contracts.base import Contract
from shared.contracts.rules import Authority
from shared.reference.rows.model import Province

_COMMUNE = re.compile(r"comm_(?P<w>[0-9]{5})_pc")
_COMMITTEE = re.compile(r"prov_(?P<p>[0-9]{2})_pc")
COMMUNE_PATTERN = "comm_{w}_pc"


class AuthorityPattern(Contract):
    """One authority per province ({p}) or commune ({w}); ``except_provinces`` keep two departments instead, by :class:`AuthoritySplit`."""

    code_template: str
    name_vi_template: str
    name_en_template: str
    level: str
    except_provinces: tuple[str, ...]


class AuthoritySplit(Contract):
    """A province where culture and tourism are two departments."""

    province: str
    culture_code: str
    culture_name_vi: str
    culture_name_en: str
    tourism_code: str
    tourism_name_vi: str
    tourism_name_en: str
    level: str

    def departments(self) -> tuple[Authority, Authority]:
        return (
            Authority(
                code=self.culture_code, name_vi=self.culture_name_vi, name_en=self.culture_name_en, level=self.level
            ),
            Authority(
                code=self.tourism_code, name_vi=self.tourism_name_vi, name_en=self.tourism_name_en, level=self.level
            ),
        )


@dataclass(frozen=True)
class Authorities:
    """Every authority but the communes' by its code, and the form of the communes'."""

    by_code: Mapping[str, Authority]
    commune: AuthorityPattern

    def get(self, code: str) -> Authority:
        """The authority of this code. Raises ``KeyError`` when there is none."""
        found = _COMMUNE.fullmatch(code)
        if found is None:
            return self.by_code[code]
        w = found["w"]
        return Authority(
            code=code,
            name_vi=self.commune.name_vi_template.format(ward_full_name_vi=f"xã, phường, đặc khu mã {w}"),
            name_en=self.commune.name_en_template.format(ward_name_en=f"unit {w}"),
            level=self.commune.level,
        )

    def __contains__(self, code: str) -> bool:
        return code in self.by_code or _COMMUNE.fullmatch(code) is not None

    def expand(self, pattern: str, provinces: Sequence[str], communes: Sequence[str] = ()) -> tuple[str, ...]:
        """The codes that ``pattern`` stands for: one per province with {p}, one per commune with {w}, else itself.

        ``prov_{p}_tourism`` is ``prov_{p}_culture`` where one department does both. Raises ``LookupError`` when the pattern asks for
        a place and none is given, or when a province has no such authority.
        """
        if "{w}" in pattern:
            codes = tuple(pattern.format(w=commune) for commune in communes)
        elif "{p}" in pattern:
            codes = tuple(self._of_province(pattern, province) for province in provinces)
        else:
            codes = (pattern,)
        if not codes or any(code not in self for code in codes):
            raise LookupError(f"no authority for {pattern!r} in provinces {list(provinces)}, communes {list(communes)}")
        return codes

    def queue_of(self, code: str) -> str:
        """Whose queue a case of this authority stands in: a provincial People's Committee's in that of its culture department."""
        found = _COMMITTEE.fullmatch(code)
        return code if found is None else f"prov_{found['p']}_culture"

    def _of_province(self, pattern: str, province: str) -> str:
        code = pattern.format(p=province)
        return code if code in self.by_code else code.replace("_tourism", "_culture")


def expanded(patterns: Sequence[AuthorityPattern], provinces: Sequence[Province]) -> list[Authority]:
    """The provincial authorities that the patterns give; the communes' pattern gives none: its codes are checked for their form."""
    return [
        Authority(
            code=pattern.code_template.format(p=province.code),
            name_vi=pattern.name_vi_template.format(full_name_vi=province.within_a_name),
            name_en=pattern.name_en_template.format(name_en=province.name_en),
            level=pattern.level,
        )
        for pattern in patterns
        if "{p}" in pattern.code_template
        for province in provinces
        if province.code not in pattern.except_provinces
    ]


PlaceKind = Literal["province", "commune", "none"]


def place_of(pattern: str) -> PlaceKind:
    """What a pattern asks for: a province, a commune, or nothing."""
    if "{w}" in pattern:
        return "commune"
    return "province" if "{p}" in pattern else "none"
