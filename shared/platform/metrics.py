"""Every Prometheus collector of the platform, named in one place. One object per process, handed to whoever counts."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The collectors of one process. ``gauge`` adds a part's own; what is counted in the database is a
    :class:`shared.platform.figures.Figure`."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

        self.http_requests = self._counter("http_requests", "HTTP requests answered", "method", "route", "status")
        self.http_seconds = self._histogram("http_request_seconds", "Time to answer a request", "method", "route")
        self.http_busy = self.gauge("http_requests_in_progress", "Requests being answered now")

        self.rate_limited = self._counter(
            "http_rate_limited",
            "Requests refused as too many, by whose limit it was: address or process",
            "action",
            "by",
        )

        self.consumed = self._counter(
            "consumer_records", "Records consumed, by outcome", "consumer", "topic", "outcome"
        )
        self.handler_seconds = self._histogram(
            "consumer_handler_seconds", "Time to handle a record", "consumer", "type"
        )
        self.lag_records = self.gauge(
            "consumer_lag_records", "Records not yet consumed", "consumer", "topic", "partition"
        )
        self.lag_seconds = self.gauge(
            "consumer_lag_seconds", "How far behind the consumer is, in wall time", "consumer", "topic", "partition"
        )
        self.parked = self.gauge("consumer_parked_records", "Records that wait for what they name", "consumer", "topic")
        self.parked_seconds = self.gauge(
            "consumer_parked_oldest_seconds",
            "Age of the oldest parked record that waits for something",
            "consumer",
            "topic",
        )
        self.dead = self.gauge(
            "consumer_dead_letters", "Records set aside as poison or dead", "consumer", "topic", "state"
        )
        self.retries = self._counter("consumer_retries", "Tries of a record that will be repeated", "consumer", "why")
        self.stopped = self.gauge("consumer_stopped", "1 when a consumer stopped at its poison limit", "consumer")

        self.figures_at = self.gauge("figures_counted_seconds", "When figures were last counted, Unix seconds", "of")
        self.figures_age = self.gauge(
            "figures_age_seconds",
            "Age of the figures that are counted in the database, or of the wait for the first",
            "of",
        )
        self.figures_failures = self._counter("figures_failures", "Counts that failed; the old figures stay", "of")

        self.outbox_sent = self._counter("outbox_sent_events", "Events published")
        self.outbox_failures = self._counter("outbox_failures", "Tries to publish that failed")
        self.relay_active = self.gauge("relay_active", "1 in the process whose relay publishes")
        self.cluster_changed = self._counter("kafka_cluster_changes", "Times that another Kafka cluster answered", "by")

        self.swept_until = self.gauge(
            "sweep_until_seconds", "Domain time until which deadlines have fired, Unix seconds"
        )
        self.swept_at = self.gauge("sweep_beat_seconds", "Wall time of the sweep's last pass, Unix seconds")
        self.fired = self._counter("sweep_fired", "Deadlines fired", "kind")
        self.fire_failures = self._counter(
            "sweep_failures", "Deadlines that could not fire and will be tried again", "kind"
        )

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """A gauge ``haukiem_<name>``."""
        return Gauge(f"haukiem_{name}", text, labels, registry=self.registry)

    @staticmethod
    def know(counter: Counter, *values: Collection[str]) -> None:
        """Have the counter show 0 for each combination of these values of its labels: an alert on the first time needs the series of before."""
        for each in product(*values):
            counter.labels(*each)

    def render(self) -> bytes:
        """The exposition of all collectors in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"haukiem_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"haukiem_{name}", text, labels, registry=self.registry, buckets=_LATENCY)
