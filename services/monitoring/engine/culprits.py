"""The record with which the engine cannot do its work although no pilot is to blame: found by taking ever fewer records at a time, and given up.

Judging that fails on a pilot sets that pilot aside. What is left is a record that our code cannot take in or PostgreSQL will not keep: a flush is
one transaction, and all partitions of the worker would stand for it. What may pass by itself (the database is away, a table is, there is no
memory) is no record's fault, however often it comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from aiokafka.errors import KafkaError
from psycopg import errors as pg

from services.monitoring.core.failing import JudgingFailed
from services.monitoring.engine.fetching import portions
from services.monitoring.engine.lane import Lane
from services.monitoring.store.positions import Fenced
from shared.contracts.errors import Transient

log = structlog.get_logger(__name__)

_TRIES = 3
"""How often a record is tried alone before it is given up."""
_FIRST, _NARROWER = 256, 16
"""How many records are taken at a time after a failure, and by what they become fewer with the next."""
_MAY_PASS = (Transient, Fenced, JudgingFailed, KafkaError, OSError, MemoryError)
_OF_DATA = (psycopg.DataError, psycopg.IntegrityError, pg.ProgramLimitExceeded)


def is_of_records(error: Exception) -> bool:
    """Whether ``error`` can be the fault of what was taken, and would come again with it."""
    if isinstance(error, psycopg.Error):
        return isinstance(error, _OF_DATA)
    return not isinstance(error, _MAY_PASS)


@dataclass(frozen=True)
class _Stretch:
    """Up to the offset ``end``, ``size`` records are taken at a time."""

    size: int
    end: int


@dataclass(frozen=True)
class _Suspect:
    """A record that failed alone, ``times`` in a row."""

    offset: int
    times: int
    reason: str


class Culprits:
    """``limit``: so many records in a row are given up on a partition. One more, and the fault is likely ours: the partition stands."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._fetched: Mapping[int, int | None] = {}
        self._narrow: dict[int, _Stretch] = {}
        self._suspects: dict[int, _Suspect] = {}
        self._in_a_row: dict[int, int] = {}
        self._trying: tuple[int, Sequence[Any]] | None = None

    def fetched(self, ends: Mapping[int, int | None]) -> None:
        """A round begins in which the records before ``ends`` are taken, by partition."""
        self._fetched = ends

    def healthy(self) -> None:
        """A round went through: what was given up on partitions that nobody suspects any more was for no fault of ours that shows on every
        record."""
        for partition in self._in_a_row.keys() - self._narrow.keys() - self._suspects.keys():
            del self._in_a_row[partition]

    def forget(self, partition: int) -> None:
        """The partition is somebody else's now."""
        for known in (self._narrow, self._suspects, self._in_a_row):
            known.pop(partition, None)

    def portions(self, lane: Lane, batch: list[Any]) -> Iterator[tuple[list[Any], bool]]:
        """The batch in order, in portions; of each, whether it is to be written by itself, within :meth:`trying`."""
        while batch:
            stretch = self._narrow.get(lane.partition)
            if stretch is None or batch[0].offset >= stretch.end:
                self._narrow.pop(lane.partition, None)
                for portion in portions(batch):
                    yield portion, False
                return
            some = [one for one in batch[: stretch.size] if one.offset < stretch.end]
            batch = batch[len(some) :]
            yield some, True

    def given_up(self, partition: int, portion: Sequence[Any]) -> str | None:
        """Why the one record in ``portion`` is dead; None when it is to be tried."""
        suspect = self._suspects.get(partition)
        if suspect is None or len(portion) > 1 or suspect.offset != portion[0].offset or suspect.times < _TRIES:
            return None
        return suspect.reason if self._in_a_row.get(partition, 0) < self._limit else None

    @contextmanager
    def trying(self, partition: int, portion: Sequence[Any]) -> Iterator[None]:
        """What raises in the block is about ``portion``, of which nothing then is written."""
        reason = self.given_up(partition, portion)
        self._trying = partition, portion
        yield
        self._trying = None
        self._suspects.pop(partition, None)
        self._in_a_row[partition] = 0 if reason is None else self._in_a_row.get(partition, 0) + 1
        if reason is not None:
            log.error("record_given_up", partition=partition, offset=portion[0].offset, reason=reason)

    def failed(self, error: Exception, lanes: Mapping[int, Lane]) -> bool:
        """A round failed. True when the next one takes fewer records, and so need not wait."""
        trying, self._trying = self._trying, None
        if not is_of_records(error):
            self._suspects.clear()
            return False
        if trying is None:
            behind = {one: end for one, end in self._fetched.items() if end is not None and one in lanes}
            fresh = {one: _Stretch(_FIRST, end) for one, end in behind.items() if end > lanes[one].offset}
            known = fresh.keys() <= self._narrow.keys()
            self._narrow |= fresh
            return not known
        partition, portion = trying
        if len(portion) > 1:
            size = min(self._narrow[partition].size, len(portion))
            self._narrow[partition] = _Stretch(max(1, size // _NARROWER), portion[-1].offset + 1)
            return True
        offset, before = portion[0].offset, self._suspects.get(partition)
        times = before.times + 1 if before is not None and before.offset == offset else 1
        reason = f"the engine could not take it: {type(error).__name__}: {error}"
        self._suspects[partition] = _Suspect(offset, times, reason)
        return False

    def at_limit(self) -> dict[int, str]:
        """The partitions that stand, each with the reason."""
        return {
            partition: f"{self._in_a_row[partition]} records in a row were given up; {suspect.reason}"
            for partition, suspect in self._suspects.items()
            if suspect.times >= _TRIES and self._in_a_row.get(partition, 0) >= self._limit
        }
