"""Numbers as people and programs write them, and nothing that only Python reads as a number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.contracts.http.advice import CheckSent
from shared.contracts.http.decisions import VerifyRemedyRequest
from shared.contracts.numbers import Reported


@pytest.mark.parametrize("text", ["1_5", "1_000", "٣٩٩", "１", "1\u00a0", "", "x", "NaN"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Reported).validate_python(text)


@pytest.mark.parametrize("text", ["15", "1.5", "-0.0001", "+3", "1e3", "1000000000000"])
def test_plain_numbers_are_read_exactly(text: str) -> None:
    assert TypeAdapter(Reported).validate_json(f'"{text}"') == Decimal(text)


@pytest.mark.parametrize("given", [True, "12", 12.5, "yes"])
def test_a_whole_number_is_sent_as_one(given: object) -> None:
    sent = {"sector": "fashion", "provinces": ["01"], "answers": {}}
    for slip in ({"duration_months": given}, {"answers": {"minors_mode": given}}):
        if isinstance(given, str) and "answers" in slip:
            continue
        with pytest.raises(ValidationError):
            CheckSent.model_validate({**sent, **slip})
    assert CheckSent.model_validate({**sent, "duration_months": 12, "answers": {"crowd_cap": 5}}).answers == {
        "crowd_cap": 5
    }


@pytest.mark.parametrize("given", [1, 0, "true", "on"])
def test_yes_and_no_are_sent_as_such(given: object) -> None:
    with pytest.raises(ValidationError):
        VerifyRemedyRequest.model_validate({"done": given, "note": "Seen."})
    assert VerifyRemedyRequest.model_validate({"done": True, "note": "Seen."}).done
