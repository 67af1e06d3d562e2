"""The AsyncAPI document is valid, complete, and says what the registry says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft7Validator

from services.monitoring.engine.reading import CORRELATION, INTAKE, SIGNATURE
from shared.contracts.asyncapi import SERVICES, Json, document
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.topics import TOPICS

OFFICIAL: Json = json.loads((Path(__file__).parent / "schemas" / "asyncapi-3.0.0.json").read_text("utf-8"))
WHOLE = document()
PARTS = (None, *SERVICES)


@pytest.mark.parametrize("service", PARTS)
def test_it_validates_against_the_official_schema(service: str | None) -> None:
    Draft7Validator(OFFICIAL).validate(document(service))


def test_the_official_schema_refuses_what_is_not_asyncapi() -> None:
    broken = document()
    broken["channels"][TOPICS[0].name]["bindings"]["kafka"]["partitions"] = 0
    with pytest.raises(jsonschema.ValidationError):
        Draft7Validator(OFFICIAL).validate(broken)


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return here + [ref for inner in value.values() for ref in references(inner)]
    return [ref for inner in value for ref in references(inner)] if isinstance(value, list) else []


def resolve(body: Json, ref: str) -> Any:
    for part in ref.removeprefix("#/").split("/"):
        body = body[part]
    return body


@pytest.mark.parametrize("service", PARTS)
def test_every_reference_leads_somewhere(service: str | None) -> None:
    body = document(service)
    found = references(body)
    assert found
    for ref in found:
        assert resolve(body, ref)


def test_it_says_what_the_registry_says() -> None:
    assert set(WHOLE["channels"]) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        channel = WHOLE["channels"][topic.name]
        assert set(channel["messages"]) == {event.__name__ for event in topic.events}
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == topic.partitions
        assert kafka["topicConfiguration"]["retention.ms"] == (topic.retention_ms or -1)
        sends, receives = f".send.{topic.name}", f".receive.{topic.name}"
        writers = {name.removesuffix(sends) for name in WHOLE["operations"] if name.endswith(sends)}
        readers = {name.removesuffix(receives) for name in WHOLE["operations"] if name.endswith(receives)}
        assert writers == ({"startups", "monitoring"} if MetricsReported in topic.events else {topic.owner})
        assert readers == set(topic.consumers)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_shows_its_own_part(service: str) -> None:
    body = document(service)
    assert {name.partition(".")[0] for name in body["operations"]} == {service}
    assert {operation["action"] for operation in body["operations"].values()} == {"send", "receive"}
    used = {operation["channel"]["$ref"].rpartition("/")[2] for operation in body["operations"].values()}
    assert used == set(body["channels"])


def test_there_is_no_part_for_an_unknown_service() -> None:
    with pytest.raises(ValueError, match="billing"):
        document("billing")


@pytest.mark.parametrize("name", sorted(WHOLE["components"]["messages"]))
def test_each_example_validates_against_its_own_payload_and_header_schema(name: str) -> None:
    message = WHOLE["components"]["messages"][name]
    (example,) = message["examples"]
    for schema, value in ((message["payload"], example["payload"]), (message["headers"], example["headers"])):
        Draft7Validator({**schema, "components": WHOLE["components"]}).validate(value)


def test_headers_of_a_domain_event_are_those_of_cloudevents() -> None:
    headers = WHOLE["components"]["messages"]["PilotStarted"]["headers"]
    assert headers["properties"]["ce_type"]["const"] == "haukiem.applications.PilotStarted.v1"
    assert {"ce_specversion", "ce_id", "ce_source", "ce_type"} <= set(headers["required"])


def test_a_caller_may_change_its_copy() -> None:
    document()["channels"].clear()
    assert document()["channels"]


def test_every_header_of_a_metrics_record_that_says_something_is_described() -> None:
    """Those that monitoring's ingest writes, and reads."""
    headers = WHOLE["components"]["messages"]["MetricsReported"]["headers"]
    assert set(headers["properties"]) == {SIGNATURE, INTAKE, CORRELATION}
