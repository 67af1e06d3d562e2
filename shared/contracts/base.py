"""What every contract is made of: frozen models, events, and the facts that travel beside an event.

Wire form: CloudEvents 1.0, Kafka binary binding. An event's fields are the JSON data; its :class:`Meta` are the ``ce_*`` headers.
Contracts only grow: a reader ignores fields that it does not know, a writer never drops one.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict
from pydantic_core import PydanticCustomError, PydanticKnownError

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)
"""Instants lie in [EARLIEST, LATEST): far enough from the ends of Python's calendar that no shift of hours or months falls off them."""


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise PydanticCustomError("timezone_aware", "an instant needs its offset from UTC, such as +07:00")
    if not EARLIEST <= value < LATEST:
        raise PydanticCustomError("instant_out_of_range", "an instant lies between the years 1900 and 2999")
    return value


def _written(value: object) -> object:
    """Numbers, and texts that are numbers, would be read as seconds of Unix time; nobody means that."""
    if not isinstance(value, datetime) and (not isinstance(value, str) or value[4:5] != "-"):
        raise PydanticKnownError("datetime_type")
    return value


Instant = Annotated[datetime, BeforeValidator(_written), AfterValidator(_aware)]
Whole = Annotated[int, Strict()]
"""A number as somebody sends it: ``true`` is none, and ``"12"`` is text."""
Truth = Annotated[bool, Strict()]
"""Yes or no as somebody sends it: 1 and ``"on"`` are neither."""
"""A point in time as RFC 3339 writes it, with its offset from UTC. Naive times are refused."""


class Contract(BaseModel):
    """A value that crosses a border: immutable, and tolerant of fields that a newer writer adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Request(BaseModel):
    """What a caller sends over HTTP: immutable, and a field that we do not know is an error, so that a typing slip is not lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Due(Contract):
    """When a limit runs out. ``instant`` is exclusive: a limit in days whose last day is D ends at D+1T00:00+07:00.

    ``provisional`` says that it rests on calendar rows not yet confirmed by a published act; ``calendar_version`` names those rows.
    """

    instant: Instant
    calendar_version: str
    provisional: bool = False


class Event(Contract):
    """A past fact. ``at`` is when it happened in the domain (CloudEvents ``time``)."""

    owner: ClassVar[str]
    version: ClassVar[int] = 1

    at: Instant

    @property
    def key(self) -> UUID:
        """The Kafka key: records with one key keep their order."""
        raise NotImplementedError

    @classmethod
    def type_name(cls) -> str:
        """CloudEvents ``type``, for example ``haukiem.applications.PilotStarted.v1``."""
        return f"haukiem.{cls.owner}.{cls.__name__}.v{cls.version}"

    def data(self) -> bytes:
        """The JSON bytes that are stored, sent and hashed. Written once: nothing may serialise the event a second time."""
        return self.model_dump_json().encode()


class PilotEvent(Event):
    """A fact about one application or pilot, which share one id."""

    pilot_id: UUID

    @property
    def key(self) -> UUID:
        return self.pilot_id


class Meta(Contract):
    """The facts beside an event. ``correlation_id`` ties it to the request that began it, ``causation_id`` to the event that led to it."""

    id: UUID
    type: str
    source: str
    time: Instant
    correlation_id: str
    causation_id: UUID | None = None


def content_hash(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256 of an event's data bytes; evidence sets bind to it."""
    return hashlib.sha256(data).hexdigest()
