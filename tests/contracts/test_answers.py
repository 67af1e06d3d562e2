"""Answers have one form of instants; what was published keeps its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import BaseModel

from shared.contracts.base import Due, Event, Instant
from shared.contracts.http import advice, applications, decisions, monitoring
from shared.contracts.http.answers import Answer
from shared.contracts.pilot import Cause

NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
ANSWERS = [
    model
    for module in (advice, applications, decisions, monitoring)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
]


class Told(Event):
    about: UUID


class Page(Answer):
    at: Instant
    due: Due
    causes: tuple[Cause, ...] = ()
    event: Told
    told: dict[str, str]
    none: Instant | None = None


def test_instants_are_vietnams_at_any_depth_and_an_event_is_as_it_was_published() -> None:
    told = Told(at=NOON, about=UUID(int=1))
    page = Page(
        at=NOON, due=Due(instant=NOON, calendar_version="1"), event=told, told={"at": NOON.isoformat()},
        causes=(Cause(kind="suspension", ref=UUID(int=2), since=NOON),),
    )  # fmt: skip
    written = page.model_dump(mode="json")
    assert written["at"] == written["due"]["instant"] == written["causes"][0]["since"] == "2026-11-23T12:00:00+07:00"
    assert written["event"] == told.model_dump(mode="json") and written["event"]["at"].endswith("Z")
    assert written["told"] == {"at": NOON.isoformat()}
    assert (page.at, page.none) == (NOON, None)


@pytest.mark.parametrize("model", ANSWERS, ids=lambda model: model.__name__)
def test_what_crosses_http_is_either_asked_or_answered(model: type[BaseModel]) -> None:
    """So that no answer is made of something that writes its instants as they come."""
    asked = re.search(r"(Sent|Request|Write|Change|Verdict)$", model.__name__) is not None
    assert issubclass(model, Answer) is not asked
