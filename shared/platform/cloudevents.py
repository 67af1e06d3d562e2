"""CloudEvents 1.0, Kafka protocol binding, binary content mode: headers ``ce_*``, JSON data as the value, the event's key as the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.base import Event, Meta, content_hash
from shared.contracts.errors import Poison

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"

Headers = Sequence[tuple[str, bytes]]
E = TypeVar("E", bound=Event, covariant=True)


class RawRecord(Protocol):
    """What we read of a consumed Kafka record (aiokafka's ``ConsumerRecord`` has this form); ``timestamp`` in Unix milliseconds."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


@dataclass(frozen=True)
class Received(Generic[E]):
    """An event as it arrived. ``data`` are the bytes as sent and ``content_hash`` their SHA-256: evidence binds to these, never to a
    second serialisation. ``recorded_at`` is Kafka's timestamp (wall time)."""

    meta: Meta
    event: E
    data: bytes
    content_hash: str
    topic: str
    partition: int
    offset: int
    key: str
    recorded_at: datetime


def key_of(key: UUID) -> bytes:
    """The Kafka key of all that is about one pilot, given its id."""
    return str(key).encode()


def encode(meta: Meta) -> list[tuple[str, bytes]]:
    """The headers of a record. The same ``meta`` always gives the same bytes, so that a record sent again is the same record."""
    headers = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(meta.id),
        "ce_source": meta.source,
        "ce_type": meta.type,
        "ce_time": meta.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "ce_correlationid": meta.correlation_id,
        "content-type": CONTENT_TYPE,
    }
    if meta.causation_id is not None:
        headers["ce_causationid"] = str(meta.causation_id)
    return [(name, value.encode()) for name, value in headers.items()]


def decode_meta(headers: Headers) -> Meta:
    """The facts beside an event. Raises :class:`Poison` when the headers are not those of a CloudEvent of ours."""
    try:
        texts = {name: value.decode() for name, value in headers if name.startswith("ce_")}
        if texts.get("ce_specversion") != SPEC_VERSION:
            raise Poison(f"ce_specversion is {texts.get('ce_specversion')!r}, not {SPEC_VERSION}")
        return Meta(
            id=UUID(texts["ce_id"]),
            type=texts["ce_type"],
            source=texts["ce_source"],
            time=datetime.fromisoformat(texts["ce_time"]),
            correlation_id=texts.get("ce_correlationid") or texts["ce_id"],
            causation_id=UUID(texts["ce_causationid"]) if "ce_causationid" in texts else None,
        )
    except KeyError as error:
        raise Poison(f"the header {error.args[0]} is missing") from error
    except (ValueError, UnicodeDecodeError, AttributeError) as error:
        raise Poison(f"the headers cannot be read: {error}") from error


def decode(record: RawRecord, types: Mapping[str, type[Event]]) -> Received[Event] | None:
    """The event of a record, or None when its type is not among ``types`` (contracts grow; others' events are not ours to judge).

    Raises :class:`Poison` when the record can never be read: broken headers, data that does not fit its type, a key that is not
    the event's.
    """
    meta = decode_meta(record.headers)
    kind = types.get(meta.type)
    if kind is None:
        return None
    data = record.value or b""
    try:
        event = kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        raise Poison(f"{meta.type}: {error.error_count()} error(s), first at /{place}: {first['msg']}") from error
    if record.key != key_of(event.key):
        raise Poison(f"the record's key {record.key!r} is not the event's, {event.key}")
    return Received(
        meta=meta,
        event=event,
        data=data,
        content_hash=content_hash(data),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key.decode(),
        recorded_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )
