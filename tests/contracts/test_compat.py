"""Contracts only grow: what was ever accepted still loads, and a change that breaks is seen."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest
from pydantic import Field

from shared.contracts.asyncapi import Json, Message
from shared.contracts.base import Contract, Event, content_hash
from shared.contracts.numbers import Exact, Total
from tests.contracts.compat import (
    ACCEPTED,
    EXAMPLES,
    MESSAGES,
    SNAPSHOTS,
    breaking,
    carry_over,
    compact,
    load,
    sealed,
    shape,
)

BY_NAME = {message.__name__: message for message in MESSAGES}
HINT = "run `python -m tests.contracts.compat` to accept what was added"


def named(message: Message) -> str:
    return message.__name__


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_no_field_disappears_changes_its_type_or_becomes_required(message: Message) -> None:
    snapshot = SNAPSHOTS / f"{message.__name__}.json"
    assert snapshot.exists(), HINT
    assert breaking(load(snapshot), shape(message)) == []


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_the_snapshot_is_of_today(message: Message) -> None:
    assert load(SNAPSHOTS / f"{message.__name__}.json") == shape(message), HINT
    data = compact(load(EXAMPLES / f"{message.__name__}.json")["data"])
    assert (ACCEPTED / f"{message.__name__}-{content_hash(data)[:8]}.json").exists(), HINT


def test_no_event_was_removed() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == set(BY_NAME)


@pytest.mark.parametrize("path", sorted(ACCEPTED.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_ever_accepted_still_loads(path: Path) -> None:
    BY_NAME[path.stem.rpartition("-")[0]].model_validate_json(path.read_bytes())


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Red(StrEnum):
    RED = "red"


class Wide(StrEnum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class Inner(Contract):
    count: int
    note: str | None = None


class Sample(Event):
    owner: ClassVar[str] = "tests"

    who: UUID
    value: Exact
    colour: Colour
    inner: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = Field(default_factory=dict)
    text: str = Field(default="", max_length=100)


def variant(**fields: tuple[object, object]) -> Json:
    """The schemas of :class:`Sample` with some fields defined otherwise."""
    namespace = {name: default for name, (_, default) in fields.items() if default is not ...}
    annotations = {name: kind for name, (kind, _) in fields.items()}
    return shape(type("Sample", (Sample,), {**namespace, "__annotations__": annotations, "__module__": __name__}))


class InnerWithoutNote(Contract):
    count: int


class InnerOfStrings(Contract):
    count: str
    note: str | None = None


class InnerNeedsNote(Contract):
    count: int
    note: str | None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"value": (int, ...)}, "/value: changed its type"),
        ({"value": (float, ...)}, "/value: changed its type"),
        ({"who": (str, ...)}, "/who: changed its type from string/uuid to string"),
        ({"who": (UUID | None, None)}, "/who: changed its type from string/uuid to string/uuid | null"),
        ({"colour": (Red, ...)}, "/colour: no longer takes ['blue']"),
        ({"inner": (tuple[InnerWithoutNote, ...], ())}, "/inner/*/note: disappeared"),
        ({"inner": (tuple[InnerOfStrings, ...], ())}, "/inner/*/count: changed its type from integer to string"),
        ({"inner": (tuple[InnerNeedsNote, ...], ())}, "/inner/*/note: became required"),
        ({"by_name": (dict[str, InnerWithoutNote], Field(default_factory=dict))}, "/by_name/*/note: disappeared"),
        ({"text": (str, ...)}, "/text: became required"),
        ({"text": (str, Field(default="", max_length=50))}, "/text: maxLength fell to 50"),
        ({"text": (str, Field(default="", min_length=1))}, "/text: minLength rose to 1"),
        ({"text": (str, Field(default="", pattern="^a"))}, "/text: changed its pattern"),
        ({"added": (int, ...)}, "/added: became required"),
    ],
)
def test_a_planted_break_is_caught(fields: dict[str, tuple[object, object]], expected: str) -> None:
    assert any(line.startswith(expected) for line in breaking(shape(Sample), variant(**fields)))


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_a_field_removed_from_any_event_is_caught(message: Message) -> None:
    """Each field in turn is taken out of the present schema; the snapshot must miss it."""
    snapshot = load(SNAPSHOTS / f"{message.__name__}.json")
    for name in snapshot["reads"]["properties"]:
        present = shape(message)
        for mode in present.values():
            del mode["properties"][name]
            mode["required"] = [field for field in mode.get("required", ()) if field != name]
        assert breaking(snapshot, present) == [f"/{name}: disappeared"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"added": (int, 0)},
        {"added": (Inner | None, None)},
        {"colour": (Wide, ...)},
        {"text": (str, Field(default="", max_length=200))},
        {"value": (Total, ...)},
    ],
)
def test_growth_is_not_a_break(fields: dict[str, tuple[object, object]]) -> None:
    assert breaking(shape(Sample), variant(**fields)) == []


def test_carrying_examples_over_keeps_hashes_true() -> None:
    """Accepting a grown contract rewrites an example, and whatever binds to it by hash follows."""
    examples = {message.__name__: load(EXAMPLES / f"{message.__name__}.json") for message in MESSAGES}
    started, finding = examples["PilotStarted"], examples["FindingOpened"]
    before = content_hash(compact(started["data"]))
    assert before in str(finding["data"])
    started["data"]["end_at"] = "2027-08-20T00:00:00.000+07:00"
    unrewritten = content_hash(compact(started["data"]))
    examples = {name: {**body, "data": replaced(body["data"], before, unrewritten)} for name, body in examples.items()}
    carry_over(examples)
    after = content_hash(compact(examples["PilotStarted"]["data"]))
    assert after not in (before, unrewritten)
    assert after in str(examples["FindingOpened"]["data"])
    decision = BY_NAME["DecisionIssued"].model_validate(examples["DecisionIssued"]["data"])
    assert decision == sealed(decision)  # type: ignore[arg-type]


def replaced(data: Json, old: str, new: str) -> Json:
    found: Json = json.loads(json.dumps(data).replace(old, new))
    return found


def test_values_are_exact_decimals_in_the_wire_form() -> None:
    """The snapshot sees both that a reader takes numbers and that a writer writes strings."""
    schemas = shape(Sample)
    assert schemas["writes"]["properties"]["value"]["type"] == "string"
    event = Sample(at="2026-07-06T09:00:00+07:00", who=UUID(int=1), value=Decimal("1.5"), colour=Colour.RED)
    assert b'"value":"1.5"' in event.data()
