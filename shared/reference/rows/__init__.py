"""Typed rows of the reference data and their look-ups. Pure: core may import this room; the files are read by :mod:`shared.reference.load`."""

from shared.reference.rows.authorities import Authorities, place_of
from shared.reference.rows.caps import CapFault
from shared.reference.rows.model import (
    CheckBudget,
    CriterionRow,
    CrossCutting,
    Document,
    LegacySector,
    LegalBasisRow,
    Option,
    Province,
    RiskRow,
    Sector,
)
from shared.reference.rows.ruleset import Rules, RuleSet
from shared.reference.rows.tiers import AnswerFault, Tiering

__all__ = [
    "AnswerFault",
    "Authorities",
    "CapFault",
    "CheckBudget",
    "CriterionRow",
    "CrossCutting",
    "Document",
    "LegacySector",
    "LegalBasisRow",
    "Option",
    "Province",
    "RiskRow",
    "RuleSet",
    "Rules",
    "Sector",
    "Tiering",
    "place_of",
]
