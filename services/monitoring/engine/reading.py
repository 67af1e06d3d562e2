"""From the bytes of a record to a report: form first, then who sent it.

The quick decoder takes what nearly all records look like; whatever it does not take goes to the contract, which alone decides and says
where the errors are. What the quick one takes, the contract takes with the same values (a property test holds the two together).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from pydantic import ValidationError

from services.monitoring.core.book import Report, Sample, report_of
from services.monitoring.core.instants import Instant, instant_of
from services.monitoring.core.reports import MAX_PROBLEMS, told
from services.monitoring.store.intake import signature
from shared.contracts.base import EARLIEST, LATEST
from shared.contracts.errors import Problem, problem
from shared.contracts.events.metrics import MAX_SAMPLES, MetricsReported
from shared.contracts.numbers import SCALE
from shared.platform import context, validation
from shared.platform.cloudevents import RawRecord

SIGNATURE = "hk-signature"
INTAKE = "hk-intake"
"""Set on records that our own ingest produced: their request is marked as consumed when the bytes are its own."""
CORRELATION = "hk-correlation"

FORGED = frozenset({"report_unsigned", "report_signature_wrong", "report_wrong_partition"})
"""What :func:`authenticate` says of records that may not speak for their pilot."""

_FINE = re.compile(rb"\.[0-9]{7}")
_PLAIN = re.compile(rb"(-?)([0-9]{1,12})(?:\.([0-9]{1,4}))?")
# \Z and not $: Python lets $ match before a last line break, the contract does not.
_CODE = r"^[a-z][a-z0-9_]{0,63}\Z"
_SOURCE = r"^[a-z0-9][a-z0-9_-]{0,31}\Z"
_EARLIEST, _LATEST = instant_of(EARLIEST), instant_of(LATEST)


class _Sample(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    metric: Annotated[str, msgspec.Meta(pattern=_CODE)]
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    value: msgspec.Raw
    province: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}\Z")] | None = None
    reset: bool = False


class _Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    pilot_id: str
    samples: Annotated[list[_Sample], msgspec.Meta(min_length=1, max_length=MAX_SAMPLES)]
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    source: Annotated[str, msgspec.Meta(pattern=_SOURCE)] = "main"
    part: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    parts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    corrects: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


_quick = msgspec.json.Decoder(_Record)
_loose = msgspec.json.Decoder()


class _NotQuick(Exception):
    """The contract must decide."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that was read. ``report`` is None when its form is broken; ``problems`` then say where. ``pilot_id`` is the key's."""

    record: RawRecord
    pilot_id: UUID | None
    report: Report | None
    problems: tuple[Problem, ...] = ()
    claimed: tuple[str | None, int | None, int | None] = (None, None, None)
    """Source, sequence and part of a broken record, as far as they can be made out."""

    @property
    def sha256(self) -> bytes:
        if self.report is not None:
            return bytes.fromhex(self.report.sha256)
        return hashlib.sha256(self.record.value or b"").digest()

    @property
    def signed(self) -> bytes:
        """SHA-256 of the signature that it bears, right or wrong; empty when it bears none."""
        return next(
            (hashlib.sha256(value or b"").digest() for key, value in self.record.headers if key == SIGNATURE), b""
        )

    def header(self, name: str) -> str | None:
        found = next((value for key, value in self.record.headers if key == name), None)
        return None if found is None else found.decode("ascii", errors="replace")

    @property
    def correlation(self) -> str | None:
        """The id of the request that brought the record, where it is one: headers are a startup's to write."""
        found = self.header(CORRELATION)
        return found if found is not None and context.is_well_formed(found) else None


def read(record: RawRecord, pilots: dict[bytes, UUID], received: Instant | None = None) -> Arrival:
    """Read one record, ``received`` when somebody else than its sender says so. ``pilots`` remembers the ids of keys."""
    key, value = record.key or b"", record.value or b""
    pilot_id = pilots.get(key) or _pilot_of(key, pilots)
    digest = hashlib.sha256(value).hexdigest()
    try:
        if _FINE.search(value):
            raise _NotQuick  # the two decoders round such an instant differently
        decoded = _quick.decode(value)
        if decoded.pilot_id.encode() != key or decoded.part > decoded.parts:
            raise _NotQuick
        samples = tuple(
            Sample(one.metric, instant_of(one.at), _number(bytes(one.value)), one.reset) for one in decoded.samples
        )
        if min(one.at for one in samples) < _EARLIEST or max(one.at for one in samples) >= _LATEST:
            raise _NotQuick
        report = Report(
            decoded.source, decoded.sequence, decoded.part, decoded.parts, decoded.corrects, samples, digest, received
        )
    except (_NotQuick, msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        return _by_contract(record, pilot_id, value, digest, received)
    return Arrival(record, pilot_id, report)


def authenticate(
    arrival: Arrival, partition: int, secrets: Mapping[str, Sequence[bytes]], *, unsigned: bool
) -> tuple[Problem, ...]:
    """Whether a well-formed record may speak for its pilot: on the partition of its key, and signed. ``unsigned`` records are let through
    in the local stack; a wrong signature never is."""
    record, report = arrival.record, arrival.report
    assert report is not None
    if record.partition != partition:
        found = {"partition": record.partition, "expected": partition}
        return (problem("report_wrong_partition", "", None, **found),)
    given = arrival.header(SIGNATURE)
    if given is None:
        return () if unsigned else (problem("report_unsigned"),)
    key, value = record.key or b"", record.value or b""
    for secret in secrets.get(report.source, ()):
        if hmac.compare_digest(signature(secret, key, value).encode(), given.encode()):
            return ()
    return (problem("report_signature_wrong", "", None, source=report.source),)


def _pilot_of(key: bytes, pilots: dict[bytes, UUID]) -> UUID | None:
    try:
        pilot_id = UUID(key.decode())
    except ValueError:
        return None
    if str(pilot_id).encode() != key:
        return None
    if len(pilots) > 1_000_000:
        pilots.clear()
    pilots[key] = pilot_id
    return pilot_id


def _number(raw: bytes) -> int:
    """The scaled integer of a JSON number or string in plain notation: what the contract's decimal would give."""
    text = raw[1:-1] if raw[:1] == b'"' else raw
    if text.isdigit() and len(text) <= 12:
        whole: int = int(text) * SCALE
        return whole
    found = _PLAIN.fullmatch(text)
    if found is None:
        raise _NotQuick
    sign, digits, places = found.groups()
    value: int = int(digits) * SCALE + (int(places.ljust(4, b"0")) if places else 0)
    return -value if sign else value


def _by_contract(
    record: RawRecord, pilot_id: UUID | None, value: bytes, digest: str, received: Instant | None
) -> Arrival:
    try:
        sent = MetricsReported.model_validate_json(value)
    except ValidationError as error:
        return Arrival(record, pilot_id, None, problems_of(error), _claimed(value))
    problems = []
    if str(sent.pilot_id).encode() != record.key:
        problems.append(problem("report_key_differs", "/pilot_id"))
    if sent.part > sent.parts:
        problems.append(problem("report_part_beyond", "/part", None, part=sent.part, parts=sent.parts))
    if problems:
        return Arrival(record, pilot_id, None, tuple(problems), (sent.source, sent.sequence, sent.part))
    return Arrival(record, pilot_id, report_of(sent, digest, received))


def problems_of(error: ValidationError) -> tuple[Problem, ...]:
    """The contract's errors, each with its JSON pointer; at most some, the rest counted."""
    found = error.errors(include_url=False, include_input=False)
    if len(found) > 1:
        # A list all of whose items are wrong is called too short besides: that is no error of who sent it.
        found = [one for one in found if not (one["type"] == "too_short" and one["loc"] == ("samples",))]
    return told(validation.problems(found[:MAX_PROBLEMS]), len(found))


def _claimed(value: bytes) -> tuple[str | None, int | None, int | None]:
    """What a broken record says of itself, where it can be made out and is sane enough to be shown."""
    try:
        raw: Any = _loose.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return (None, None, None)
    if not isinstance(raw, dict):
        return (None, None, None)
    source, sequence, part = raw.get("source", "main"), raw.get("sequence"), raw.get("part", 1)
    return (
        source if isinstance(source, str) and 0 < len(source) <= 32 and source.isprintable() else None,
        sequence if type(sequence) is int and 0 < sequence <= 2**53 else None,
        part if type(part) is int and 0 < part <= 1000 else None,
    )
