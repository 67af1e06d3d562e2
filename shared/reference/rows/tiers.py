"""From the answers to the tier criteria to the tier: the highest level reached by any criterion wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.contracts.rules import CriterionAnswer
from shared.reference.rows.model import CriterionRow

Level = Literal[1, 2, 3]


@dataclass(frozen=True, slots=True)
class AnswerFault:
    """Why an answer does not count. ``criterion`` is None for an ``unknown_input``, which no criterion asks for."""

    input: str
    why: Literal["missing", "unknown_option", "not_a_count", "unknown_input"]
    criterion: CriterionRow | None


@dataclass(frozen=True, slots=True)
class Tiering:
    """The tier and every criterion that was answered, in the order of the rules. Binding only without ``faults``."""

    tier: Level
    criteria: tuple[CriterionAnswer, ...]
    faults: tuple[AnswerFault, ...]

    @property
    def decisive(self) -> tuple[CriterionAnswer, ...]:
        """The criteria whose level is the tier."""
        return tuple(answer for answer in self.criteria if answer.decisive)

    @property
    def levels(self) -> dict[str, int]:
        """Level by criterion code."""
        return {answer.code: answer.level for answer in self.criteria}


@dataclass(frozen=True, slots=True)
class _Judged:
    criterion: CriterionRow
    answer: str | int
    level: Level
    vi: str
    en: str

    def against(self, tier: Level) -> CriterionAnswer:
        return CriterionAnswer(
            code=self.criterion.code,
            input=self.criterion.input,
            answer=self.answer,
            level=self.level,
            question_vi=self.criterion.question_vi,
            question_en=self.criterion.question_en,
            answer_vi=self.vi,
            answer_en=self.en,
            decisive=self.level == tier,
        )


def tiering(criteria: Iterable[CriterionRow], answers: Mapping[str, str | int], sector: str) -> Tiering:
    """Judge all answers at once. An answer to a criterion that other sectors ask is left aside; one that none asks is a fault."""
    rows = tuple(criteria)
    verdicts = [_judge(criterion, answers) for criterion in rows if criterion.asked_in(sector)]
    judged = [verdict for verdict in verdicts if isinstance(verdict, _Judged)]
    faults = [verdict for verdict in verdicts if isinstance(verdict, AnswerFault)]
    known = {criterion.input for criterion in rows}
    faults += [AnswerFault(name, "unknown_input", None) for name in answers if name not in known]
    tier: Level = max((verdict.level for verdict in judged), default=1)
    return Tiering(tier, tuple(verdict.against(tier) for verdict in judged), tuple(faults))


def _judge(criterion: CriterionRow, answers: Mapping[str, str | int]) -> _Judged | AnswerFault:
    answer = answers.get(criterion.input)
    if answer is None:
        return AnswerFault(criterion.input, "missing", criterion)
    if criterion.kind == "number":
        if not isinstance(answer, int) or isinstance(answer, bool) or answer < 0:
            return AnswerFault(criterion.input, "not_a_count", criterion)
        return _Judged(criterion, answer, criterion.level_of_number(answer), str(answer), str(answer))
    option = criterion.option(answer)
    if option is None:
        return AnswerFault(criterion.input, "unknown_option", criterion)
    return _Judged(criterion, answer, option.level, option.vi, option.en)
