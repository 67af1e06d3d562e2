"""What the quick decoder takes, the contract takes too, with the same values; what it does not take, the contract decides."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.monitoring.core.book import report_of
from services.monitoring.engine.reading import Arrival, authenticate, read
from services.monitoring.store.books import decode, encode
from services.monitoring.store.intake import signature
from shared.contracts.events.metrics import MetricsReported
from shared.platform.cloudevents import key_of
from tests.monitoring_samples import AUDIENCE, CROWD, DAILY, MEMBERS, Led, report, sample

PILOT = UUID("019f3532-6920-781b-9518-8d82646c66e5")


def record(value: bytes, key: bytes = key_of(PILOT), headers: Any = (), partition: int = 0) -> Any:
    return SimpleNamespace(value=value, key=key, headers=headers, partition=partition, offset=0, timestamp=0, topic="m")


NUMBERS = st.one_of(
    st.integers(-(10**13), 10**13),
    st.decimals(places=3, allow_nan=False, allow_infinity=False).map(str),
    st.from_regex(r"-?[0-9]{1,13}(\.[0-9]{1,6})?", fullmatch=True),
    st.sampled_from(
        ["1e3", "", "-", "NaN", "0x1", " 1", "1_000", "٣", "+1", "-0", "00.5", "1.", ".5", "1E+9999999999", None, True]
    ),
)
TIMES = st.one_of(
    st.from_regex(
        r"2026-0[1-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,8})?(Z|\+07:00|[+-][0-9]{2}:[0-9]{2})",
        fullmatch=True,
    ),
    st.sampled_from(
        ["2026-07-20", "2026-07-20T08:00:00", "2026-07-20 08:00:00+07:00", "2026-07-20T08:00Z", "", 1_780_000_000, None]
    ),
    st.sampled_from(
        ["0001-01-01T00:00:00+23:59", "1900-01-01T00:00:00Z", "2999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"]
    ),
)
SAMPLES = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(["audience_live", "a" * 64, "a" * 65, "Bad", "x-y", "m\n"]),
        "at": TIMES,
        "value": NUMBERS,
    },
    optional={
        "province": st.sampled_from(["01", "1", "001", None, "0a"]),
        "reset": st.sampled_from([True, False, "true", 1]),
        "more": st.just(1),
    },
)
RECORDS = st.fixed_dictionaries(
    {
        "pilot_id": st.sampled_from([str(PILOT), str(PILOT).upper(), "no id", str(PILOT).replace("-", "")]),
        "samples": st.lists(SAMPLES, max_size=3),
    },
    optional={
        "sequence": st.sampled_from([1, 0, 2**53, 2**53 + 1, "5", 1.0]),
        "source": st.sampled_from(["main", "Main", "a-b_c", "-a", "a" * 33, "main\n"]),
        "part": st.sampled_from([1, 2, 1001]),
        "parts": st.sampled_from([1, 2]),
        "corrects": st.sampled_from([None, 1, 0]),
        "extra": st.just(1),
    },
)


@given(RECORDS)
def test_both_readers_agree(raw: dict[str, Any]) -> None:
    raw.setdefault("sequence", 1)
    value = json.dumps(raw).encode()
    arrival = read(record(value), {})
    try:
        sent = MetricsReported.model_validate_json(value)
    except ValidationError:
        assert arrival.report is None
        assert arrival.problems
        return
    if sent.part > sent.parts:
        assert [one.code for one in arrival.problems] == ["report_part_beyond"]
        return
    assert arrival.report == report_of(sent, hashlib.sha256(value).hexdigest())


@given(st.binary(max_size=200))
def test_no_bytes_can_break_the_reader(value: bytes) -> None:
    arrival = read(record(value), {})
    assert arrival.report is None
    assert arrival.problems
    assert arrival.sha256 == hashlib.sha256(value).digest()


@pytest.mark.parametrize("place", ["value", "at", "more"])
def test_no_depth_can_break_the_reader(place: str) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    value = good().decode().replace('"metric"', f'"{place}": {deep}, "metric"').encode()
    assert read(record(value), {}).problems


@pytest.mark.parametrize(
    ("value", "claimed"),
    [
        (b'{"source": "door", "sequence": 7, "part": 2}', ("door", 7, 2)),
        (b'{"source": 1, "sequence": true, "part": 0}', (None, None, None)),
        (b'{"source": "a\\u0000", "sequence": 99999999999999999999}', (None, None, 1)),
        (b"[1]", (None, None, None)),
        (b"[" * 5000, (None, None, None)),
    ],
)
def test_a_broken_record_is_named_as_far_as_it_can_be(value: bytes, claimed: tuple[Any, Any, Any]) -> None:
    assert read(record(value), {}).claimed == claimed


def good(**more: Any) -> bytes:
    body = {
        "pilot_id": str(PILOT),
        "sequence": 1,
        "samples": [{"metric": "shows", "at": "2026-07-20T08:00:00Z", "value": "1"}],
    }
    return json.dumps({**body, **more}).encode()


def test_a_record_about_another_pilot_than_its_key_is_refused() -> None:
    arrival = read(record(good(pilot_id=str(uuid4()))), {})
    assert [(one.code, one.pointer) for one in arrival.problems] == [("report_key_differs", "/pilot_id")]
    assert read(record(good(), key=b"no id"), {}).pilot_id is None
    assert read(record(good(), key=str(PILOT).upper().encode()), {}).pilot_id is None
    assert read(record(good(), key=b"\xff"), {}).pilot_id is None


def test_very_many_errors_are_counted() -> None:
    samples = [{"metric": "shows", "at": "never", "value": "1"}] * 300
    problems = read(record(good(samples=samples)), {}).problems
    assert len(problems) == 101
    assert problems[-1].code == "more_problems"


def checked(headers: Any, *, unsigned: bool = False, partition: int = 0) -> list[str]:
    arrival = read(record(good(), headers=headers, partition=partition), {})
    secrets = {"main": (b"inside", b"own")}
    return [one.code for one in authenticate(arrival, 0, secrets, unsigned=unsigned)]


def test_a_record_is_signed_by_its_source_or_by_us() -> None:
    def signed(secret: bytes, value: bytes = good()) -> list[tuple[str, bytes]]:
        return [("hk-signature", signature(secret, key_of(PILOT), value).encode())]

    assert not checked(signed(b"own"))
    assert not checked(signed(b"inside"))
    assert checked(signed(b"another")) == ["report_signature_wrong"]
    assert checked(signed(b"own", b"other bytes")) == ["report_signature_wrong"]
    assert checked([("hk-signature", "ă".encode())]) == ["report_signature_wrong"]
    assert checked(()) == ["report_unsigned"]
    assert not checked((), unsigned=True)
    assert checked(signed(b"another"), unsigned=True) == ["report_signature_wrong"]
    assert checked((), unsigned=True, partition=1) == ["report_wrong_partition"]


def test_headers_of_a_startup_reach_no_log_unless_they_are_sane() -> None:
    def correlation(value: bytes) -> str | None:
        return Arrival(record(b"", headers=[("hk-correlation", value)]), None, None).correlation

    assert correlation(b"req-1") == "req-1"
    assert correlation(b"a\x00b") is None
    assert correlation(b"\xff") is None


def test_a_book_is_stored_and_read_back_whole() -> None:
    pilot = Led(CROWD, AUDIENCE, DAILY, MEMBERS)
    one = report(
        1,
        sample("crowd_peak", "2026-07-20 08:00", 1_001),
        sample("audience_live", "2026-07-20 08:00", 10**12),
        sample("audience_live", "2026-07-20 09:00", 10**12),
        sample("participants_total", "2026-07-20 08:00", 7),
        sample("safety_incidents", "2026-07-20 08:00", 1),
    )
    pilot.accept(one, "2026-08-20 12:00")
    book = decode(encode(pilot.book))
    assert book.sums["audience_live"].total == 2 * 10**16
    bare = {metric: type(span)((), span.since) for metric, span in pilot.book.spans.items()}
    assert book == type(book)(
        **{**{name: getattr(pilot.book, name) for name in book.__dataclass_fields__}, "spans": bare}
    )
