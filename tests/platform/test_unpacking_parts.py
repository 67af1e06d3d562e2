"""How the bytes of a fetch are taken apart when the library fails on them: whatever they hold, reading goes on behind it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import given
from hypothesis import strategies as st

from shared.platform import unpacking
from tests.platform.odd_records import misplaced

_RECORDS_AT = 61
PLACE = TopicPartition("t", 0)


@pytest.fixture(autouse=True)
def installed() -> None:
    unpacking.install()


def batch(base: int, values: Sequence[bytes], *, name: bytes = b"plain", codec: int = 0) -> bytes:
    """A batch at ``base``; each record bears one header of that name."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1_000_000,
    )
    for number, value in enumerate(values):
        builder.append(number, timestamp=1_000 + number, key=b"k", value=value, headers=[("plain", b"h")])
    built = bytes(builder.build()).replace(b"plain", name)
    return sealed(struct.pack(">q", base) + built[8:])


def sealed(raw: bytes) -> bytes:
    return raw[:17] + struct.pack(">I", calc_crc32c(raw[21:])) + raw[21:]


def unpacked(data: bytes, since: int = 0) -> tuple[list[Any], int]:
    """What is read of a fetch, and where reading then stands."""
    found = fetcher.PartitionRecords(PLACE, fetcher.MemoryRecords(data), [], since, None, None, True, 1)
    return list(found), found.next_fetch_offset


@pytest.mark.parametrize("since", range(8))
def test_reading_begins_in_the_midst_of_a_batch_and_gives_each_record_once(since: int) -> None:
    """A fetch begins with the batch that holds the offset which is asked for."""
    odd = batch(3, [b"3", b"4", b"5"], name=b"\xff\xfe\xfd\xfc\xfb")
    batches = [batch(0, [b"0", b"1", b"2"]), odd, batch(6, [b"6", b"7"])]
    records, position = unpacked(b"".join(batches[since // 3 :]), since)
    assert [(one.offset, one.value) for one in records] == [(n, str(n).encode()) for n in range(since, 8)]
    assert {one.timestamp for one in records} <= {1_000, 1_001, 1_002}
    assert position == 8


def test_the_offset_that_a_producer_wrote_into_a_record_moves_nobody_past_the_records_of_others() -> None:
    odd = sealed(misplaced(batch(3, [b"3", b"4", b"5"]), 60))
    records, position = unpacked(batch(0, [b"0", b"1", b"2"]) + odd + batch(6, [b"6", b"7"]))
    assert [(one.offset, one.value) for one in records] == [(n, str(n).encode()) for n in range(8)]
    assert position == 8


def test_a_name_is_read_as_far_as_it_is_text() -> None:
    ((one,), _) = unpacked(batch(0, [b"v"], name=b"\xffame!"))
    assert one.headers == (("\ufffdame!", b"h"),) and one.key == b"k"


def test_a_batch_that_cannot_be_inflated_is_one_record_that_says_why() -> None:
    spoilt = batch(3, [b"x" * 100] * 4, codec=1)
    spoilt = sealed(spoilt[:_RECORDS_AT] + b"\x00" * (len(spoilt) - _RECORDS_AT))
    records, position = unpacked(batch(0, [b"0", b"1", b"2"]) + spoilt + batch(7, [b"7"]))
    assert [one.offset for one in records] == [0, 1, 2, 3, 7]
    ((name, reason),) = records[3].headers
    assert name == unpacking.UNREADABLE and b"gzip" in reason.lower()
    assert records[3].key is None and records[3].value == spoilt[_RECORDS_AT:]
    assert position == 8


def test_what_came_wrong_over_the_wire_is_fetched_again_and_never_taken_for_a_record() -> None:
    wrong = bytearray(batch(2, [b"value"]))
    wrong[-3] ^= 1
    records, position = unpacked(batch(0, [b"0", b"1"]) + bytes(wrong) + batch(3, [b"3"]))
    assert [one.offset for one in records] == [0, 1] and position == 2


@pytest.mark.parametrize("error", [MemoryError(), fetcher.Errors.UnsupportedCodecError()])
def test_what_is_no_fault_of_the_records_ends_the_fetch_there(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poor(self: Any) -> Any:
        raise error

    monkeypatch.setattr(unpacking._Records.__mro__[1], "_unpack_records", poor)
    assert unpacked(batch(0, [b"v"]), 0) == ([], 0)


@given(
    place=st.integers(min_value=0),
    given=st.binary(min_size=1, max_size=12),
    values=st.lists(st.binary(max_size=20), min_size=1, max_size=4),
)
def test_whatever_a_batch_holds_its_neighbours_are_read_whole(place: int, given: bytes, values: list[bytes]) -> None:
    middle = batch(2, values)
    at = _RECORDS_AT + place % (len(middle) - _RECORDS_AT)
    middle = sealed(middle[:at] + given[: len(middle) - at] + middle[at + len(given) :])
    end = 2 + len(values)
    records, position = unpacked(batch(0, [b"0", b"1"]) + middle + batch(end, [b"last"]))
    read = {one.offset: one.value for one in records}
    assert (read[0], read[1]) == (b"0", b"1") and records[-1].value == b"last" and records[-1].offset == end
    assert position == end + 1
