"""What Prometheus sees of the engine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection
from datetime import datetime

from prometheus_client import Counter, Histogram

from services.monitoring.engine.lane import Pending
from services.monitoring.store.aside import CONSUMER
from shared.platform.lag import Lag
from shared.platform.metrics import Metrics

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Measures:
    """Counts samples and flushes, and says how far the engine has come. ``lag`` is that of this process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.lag = Lag(CONSUMER, metrics)
        self._samples = Counter(
            "haukiem_metric_samples", "Samples judged, by outcome", ["outcome"], registry=metrics.registry
        )
        metrics.know(self._samples, ["accepted", "rejected", "duplicate"])
        self._flush = Histogram(
            "haukiem_engine_flush_seconds", "Time of one flush", registry=metrics.registry, buckets=_SECONDS
        )
        self._swept = metrics.gauge("engine_swept_until_seconds", "Domain time until which clocks fired", "partition")
        self._beat = metrics.gauge(
            "engine_beat_seconds", "Wall time of the last pass of a barrier on the partition", "partition"
        )
        self._ours: set[int] = set()

    def flushed(self, pendings: Collection[Pending], seconds: float) -> None:
        self._samples.labels("accepted").inc(sum(pending.accepted for pending in pendings))
        self._samples.labels("rejected").inc(sum(pending.rejected for pending in pendings))
        self._samples.labels("duplicate").inc(sum(pending.duplicates for pending in pendings))
        self._flush.observe(seconds)

    def assigned(self, partitions: Collection[int]) -> None:
        """These are ours now, and no others: of what was ours, another process tells. A new one beats at once, so that one that never passes
        a barrier is seen by its beat."""
        for lost in self._ours.difference(partitions):
            for gauge in (self._beat, self._swept):
                with contextlib.suppress(KeyError):
                    gauge.remove(str(lost))
        for fresh in set(partitions) - self._ours:
            self._beat.labels(str(fresh)).set(time.time())
        self._ours = set(partitions)

    def swept(self, partition: int, until: datetime | None) -> None:
        """A barrier was passed; ``until`` is how far all clocks of the partition have fired."""
        if partition not in self._ours:
            return  # it was taken away meanwhile
        if until is not None:
            self._swept.labels(str(partition)).set(until.timestamp())
        self._beat.labels(str(partition)).set(time.time())

    def stopped(self, stopped: bool) -> None:
        """Whether the engine stands still at its limit."""
        self._metrics.stopped.labels(CONSUMER).set(stopped)
