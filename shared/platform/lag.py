"""How far behind a consumer is, by partition: for Prometheus, and to tell standing still from having nothing to read."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from aiokafka import TopicPartition

from shared.platform.metrics import Metrics

_FRESH_SECONDS = 10.0


class Lag:
    """Of one consumer of this process. ``consumer`` is the name under which Prometheus knows it."""

    def __init__(self, consumer: str, metrics: Metrics) -> None:
        self._consumer = consumer
        self._records, self._seconds = metrics.lag_records, metrics.lag_seconds
        self._behind: dict[TopicPartition, int] = {}
        self._caught_up_at: dict[TopicPartition, float] = {}
        self._moved_at: dict[TopicPartition, float] = {}
        self._measured_at = 0.0

    def measured(self, behind: Mapping[TopicPartition, int]) -> None:
        """``behind``: of each partition that is ours, how many records are not consumed now. One left out is no longer ours."""
        now = self._measured_at = time.monotonic()
        for place in self._behind.keys() - behind.keys():
            for known in (self._behind, self._caught_up_at, self._moved_at):
                known.pop(place, None)
            for gauge in (self._records, self._seconds):
                gauge.remove(*self._labels(place))
        for place, records in behind.items():
            if not records:
                self._caught_up_at[place] = now
            self._behind[place] = records
            self._records.labels(*self._labels(place)).set(records)
            self._seconds.labels(*self._labels(place)).set(now - self._caught_up_at.setdefault(place, now))

    def placed(self, place: TopicPartition) -> None:
        """The partition begins to flow now."""
        self._moved_at[place] = time.monotonic()

    def moved(self, place: TopicPartition) -> None:
        """One record of the partition was consumed."""
        self._moved_at[place] = time.monotonic()
        if self._behind.get(place, 0) > 0:
            self._behind[place] -= 1

    def stuck(self, seconds: float, among: Collection[TopicPartition]) -> str | None:
        """Why one of ``among`` counts as stuck: it has had records to read for ``seconds``, and did not move. None when none does, and
        while nothing is measured: then Kafka does not answer, and a restart of ours would not mend that."""
        now = time.monotonic()
        if now - self._measured_at > _FRESH_SECONDS:
            return None
        for place in among:
            records = self._behind.get(place, 0)
            still = now - max(self._moved_at.get(place, now), self._caught_up_at.get(place, 0.0))
            if records > 0 and still > seconds:
                return (
                    f"{place.topic}[{place.partition}] has {records} records to read and stands still for {still:.0f} s"
                )
        return None

    def _labels(self, place: TopicPartition) -> tuple[str, str, str]:
        return self._consumer, place.topic, str(place.partition)
