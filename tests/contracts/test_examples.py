"""An example stands beside every event: it loads, is written again byte for byte, and any CloudEvents reader understands it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from string import Formatter
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event

from services.decisions.core import chain
from services.decisions.core.evidence import evidence_hash
from shared.contracts.asyncapi import Json, Message, example
from shared.contracts.base import Event, content_hash
from shared.contracts.errors import Problem
from shared.contracts.events import BY_TYPE
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.events.monitoring import EventRef, RecordRef
from shared.contracts.messages import text
from shared.contracts.rules import FrozenRules
from shared.platform.cloudevents import decode, decode_meta, encode, key_of
from tests.contracts.compat import EXAMPLES, MESSAGES, compact, sealed

EVENTS: tuple[type[Event], ...] = tuple(message for message in MESSAGES if issubclass(message, Event))


def named(message: Message) -> str:
    return message.__name__


def headers(found: Json) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in found["headers"].items()]


class Consumed:
    """An example as a Kafka consumer hands it over."""

    topic, partition, offset, timestamp = "example", 0, 0, 0

    def __init__(self, found: Json) -> None:
        self.key: bytes | None = found["key"].encode()
        self.value: bytes | None = compact(found["data"])
        self.headers = headers(found)


def test_every_event_has_an_example_and_every_example_an_event() -> None:
    assert {path.stem for path in EXAMPLES.glob("*")} == {message.__name__ for message in MESSAGES}
    assert set(EVENTS) == set(BY_TYPE.values())


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_an_example_is_written_again_byte_for_byte(message: Message) -> None:
    data = compact(example(message)["data"])
    assert message.model_validate_json(data).model_dump_json().encode() == data


@pytest.mark.parametrize("message", MESSAGES, ids=named)
def test_an_example_loses_no_field_on_the_way(message: Message) -> None:
    """Byte equality could hold for a model that ignores a field which the example lacks: every field of the model is there."""
    assert set(example(message)["data"]) == set(message.model_fields)


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_our_own_reader_takes_the_example(event: type[Event]) -> None:
    found = example(event)
    received = decode(Consumed(found), BY_TYPE)
    assert received is not None
    assert type(received.event) is event
    assert received.meta.time == received.event.at
    assert encode(received.meta) == headers(found)


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_the_official_sdk_reads_the_example(event: type[Event]) -> None:
    found = example(event)
    data = compact(found["data"])
    meta = decode_meta(headers(found))
    key = key_of(event.model_validate_json(data).key)
    read = from_binary_event(KafkaMessage(headers=dict(encode(meta)), key=key, value=data))
    assert read.get_specversion() == "1.0"
    assert read.get_id() == str(meta.id)
    assert read.get_type() == f"haukiem.{event.owner}.{event.__name__}.v{event.version}"
    assert read.get_source() == f"haukiem/{event.owner}"
    assert read.get_time() == meta.time
    assert read.get_datacontenttype() == "application/json"
    assert read.get_data() == found["data"]
    assert read.get_extension("correlationid") == meta.correlation_id
    assert read.get_extension("partitionkey") == found["key"]


def test_the_metrics_example_is_signed_as_the_contract_says() -> None:
    found = example(MetricsReported)
    assert found["key"] == found["data"]["pilot_id"]
    assert len(found["headers"]["hk-signature"]) == 64


def parts(value: Any, kind: type) -> Iterator[Any]:
    """Every ``kind`` anywhere inside a model."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, tuple):
        for inner in value:
            yield from parts(inner, kind)
    elif hasattr(type(value), "model_fields"):
        for name in type(value).model_fields:
            yield from parts(getattr(value, name), kind)


def test_evidence_in_the_examples_binds_to_what_the_other_examples_say() -> None:
    """The examples tell one story: hashes and ids between them are true."""
    examples = {event: example(event) for event in EVENTS}
    hashes = {UUID(found["headers"]["ce_id"]): content_hash(compact(found["data"])) for found in examples.values()}
    metrics = example(MetricsReported)
    record = metrics["data"]["sequence"], metrics["data"]["part"], content_hash(compact(metrics["data"]))
    events = [event.model_validate(found["data"]) for event, found in examples.items()]
    facts = [ref for event in events for ref in parts(event, EventRef)]
    records = [ref for event in events for ref in parts(event, RecordRef) if ref.sequence == record[0]]
    assert len(facts) > 5
    assert all(hashes[ref.event_id] == ref.sha256 for ref in facts)
    assert records
    assert {(ref.sequence, ref.part, ref.sha256) for ref in records} == {record}


def test_causes_in_the_examples_are_events_of_the_story() -> None:
    known = {example(event)["headers"]["ce_id"] for event in EVENTS}
    causes = {example(event)["headers"].get("ce_causationid") for event in EVENTS} - {None}
    assert causes
    assert causes <= known


def test_the_decision_in_the_examples_is_sealed() -> None:
    decision = DecisionIssued.model_validate(example(DecisionIssued)["data"])
    assert sealed(decision) == decision


def test_the_story_is_told_in_order() -> None:
    """What one event causes does not lie before it in the domain's time."""
    found = [example(event) for event in EVENTS]
    at = {body["headers"]["ce_id"]: datetime.fromisoformat(body["headers"]["ce_time"]) for body in found}
    for body in found:
        if cause := body["headers"].get("ce_causationid"):
            assert at[cause] <= at[body["headers"]["ce_id"]]


def test_a_registration_carries_rules_that_know_their_own_legal_bases() -> None:
    data = example(next(event for event in EVENTS if event.__name__ == "PilotRegistered"))["data"]
    rules = FrozenRules.model_validate(data["rules"])
    assert set(rules.policy.legal_basis) <= set(rules.legal_bases)
    assert {gate["legal_basis"] for gate in data["gates"]} <= set(rules.legal_bases)
    assert json.loads(rules.model_dump_json()) == data["rules"]


def test_problems_in_the_examples_have_the_words_of_their_codes() -> None:
    found = [problem for event in EVENTS for problem in parts(event.model_validate(example(event)["data"]), Problem)]
    assert found
    for each in found:
        for template, words in ((text(each.code).vi, each.vi), (text(each.code).en, each.en)):
            literal = [re.escape(part) for part, *_ in Formatter().parse(template)]
            assert re.fullmatch(".*".join(literal) + "(?:.*)?", words), (each.code, words)


def test_the_service_seals_a_decision_as_the_contract_says() -> None:
    decision = DecisionIssued.model_validate(example(DecisionIssued)["data"])
    assert chain.hash_of(decision.model_dump(mode="json")) == decision.hash
    assert evidence_hash(decision.evidence) == decision.evidence_hash
