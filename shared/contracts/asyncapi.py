"""The AsyncAPI 3.0 document of the system, made from the topic registry and the events' models; each service serves its part.

Source: AsyncAPI 3.0.0, its Kafka bindings 0.5.0, and CloudEvents 1.0 with the Kafka protocol binding in binary content mode.
"""

from __future__ import annotations

import json
from importlib import metadata, resources
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts.base import Event
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.topics import METRICS, TOPICS, Topic

Json = dict[str, Any]
Message = type[Event] | type[MetricsReported]

SERVICES = ("applications", "monitoring", "decisions")
BINDING = "0.5.0"
FOR_EVER = -1
"""Kafka's ``retention.ms`` for records that are never deleted."""

_JSON = "application/json"
_UUID: Json = {"type": "string", "format": "uuid"}
_SCHEMAS = "#/components/schemas/"


def document(service: str | None = None) -> Json:
    """The whole system, or only the channels that ``service`` writes or reads with its operations on them.

    Raises ``ValueError`` for a service that does not exist.
    """
    if service is not None and service not in SERVICES:
        raise ValueError(f"there is no service {service!r}")
    topics = [topic for topic in TOPICS if service is None or service in (*writers(topic), *topic.consumers)]
    messages = [message for topic in topics for message in topic.events]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Hậu Kiểm" if service is None else f"Hậu Kiểm: {service}",
            "version": metadata.version("haukiem"),
            "description": "Events of controlled cultural pilots under post-inspection. CloudEvents 1.0, Kafka binary content mode; "
            "the key is the pilot's id, so that all about one pilot stays in order within a topic. Contracts only grow: "
            "ignore the fields and the types that you do not know.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": _JSON,
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {name: body for topic in topics for name, body in _operations(topic, service).items()},
        "components": {
            "messages": {message.__name__: _message(message) for message in messages},
            "schemas": _schemas(messages),
        },
    }


def writers(topic: Topic) -> tuple[str, ...]:
    """Who sends to ``topic``. A domain topic has one writer; metrics come from startups, directly or through monitoring's intake."""
    return ("startups", "monitoring") if topic is METRICS else (topic.owner,)


def example(message: Message) -> Json:
    """The example of an event as it is kept beside the contracts: ``headers``, ``key`` and ``data``."""
    file = resources.files("shared.contracts").joinpath("examples", f"{message.__name__}.json")
    found: Json = json.loads(file.read_text("utf-8"))
    return found


def _channel(topic: Topic) -> Json:
    kept = "for ever" if topic.retention_ms is None else f"{topic.retention_ms // 86_400_000} days"
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Written by {' and '.join(writers(topic))}, read by {' and '.join(topic.consumers)}. Key: {topic.key}. "
        f"Kept {kept}, never compacted. A record that a consumer gave up on is copied to {topic.dead}.",
        "messages": {
            message.__name__: {"$ref": f"#/components/messages/{message.__name__}"} for message in topic.events
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": FOR_EVER if topic.retention_ms is None else topic.retention_ms,
                    "message.timestamp.type": topic.timestamps,
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations(topic: Topic, service: str | None) -> dict[str, Json]:
    """One operation for each party and direction; ``service`` None keeps them all."""
    parties = [(party, "send") for party in writers(topic)] + [(party, "receive") for party in topic.consumers]
    return {
        f"{party}.{action}.{topic.name}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "title": f"{party} {'writes' if action == 'send' else 'reads'} {topic.name}",
            "messages": [{"$ref": f"#/channels/{topic.name}/messages/{message.__name__}"} for message in topic.events],
        }
        for party, action in parties
        if service in (None, party)
    }


def _message(message: Message) -> Json:
    kept = example(message)
    body: Json = {
        "name": message.type_name(),
        "title": message.__name__,
        "description": message.__doc__ or message.__name__,
        "contentType": _JSON,
        "headers": _signature() if message is MetricsReported else _cloudevents(message),
        "payload": {"$ref": f"{_SCHEMAS}{message.__name__}"},
        "bindings": {"kafka": {"key": _UUID, "bindingVersion": BINDING}},
        "examples": [{"name": message.__name__, "headers": kept["headers"], "payload": kept["data"]}],
    }
    if message is not MetricsReported:
        body["correlationId"] = {"location": "$message.header#/ce_correlationid"}
    return body


def _cloudevents(message: Message) -> Json:
    """The headers of a domain event: CloudEvents attributes, and the two extensions that tie events together."""
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_correlationid", "content-type"],
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": _UUID,
            "ce_source": {"type": "string", "const": f"haukiem/{message.owner}"},
            "ce_type": {"type": "string", "const": message.type_name()},
            "ce_time": {"type": "string", "format": "date-time", "description": "When it happened in the domain."},
            "ce_correlationid": {"type": "string", "description": "Ties the event to the request that began it."},
            "ce_causationid": {**_UUID, "description": "The event that led to this one."},
            "content-type": {"type": "string", "const": _JSON},
        },
    }


def _signature() -> Json:
    """The header of a metrics record."""
    return {
        "type": "object",
        "properties": {
            "hk-signature": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "HMAC-SHA-256 of key bytes, a full stop and value bytes, under the source's secret. "
                "Required of a startup's own producer outside the local stack.",
            },
            "hk-intake": {
                "type": "string",
                "const": "1",
                "description": "Set by monitoring's ingest: the record was sent by HTTP. It counts only on the very bytes that were taken.",
            },
            "hk-correlation": {
                "type": "string",
                "description": "Set by monitoring's ingest: the correlation id of the request, which what follows from the record bears too.",
            },
        },
    }


def _schemas(messages: list[Message]) -> Json:
    """What is written for domain events; what is accepted for metrics, which startups write."""
    _, found = models_json_schema(
        [(message, "validation" if message is MetricsReported else "serialization") for message in messages],
        ref_template=f"{_SCHEMAS}{{model}}",
    )
    schemas: Json = found["$defs"]
    return schemas
