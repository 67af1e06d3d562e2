"""Every Prometheus collector of the platform, named in one place. One object per process, handed to whoever counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

Refresh = Callable[[], Awaitable[None]]


class Metrics:
    """The collectors of one process. ``gauge`` adds a domain's own; ``on_scrape`` registers what brings gauges up to date."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._refresh: list[Refresh] = []

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

        self.outbox_unsent = self.gauge("outbox_unsent_events", "Events stored and not yet published")
        self.outbox_age = self.gauge("outbox_oldest_unsent_seconds", "Age of the oldest event not yet published")
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
        """A gauge ``haukiem_<name>``; for a domain's own counts too."""
        return Gauge(f"haukiem_{name}", text, labels, registry=self.registry)

    def on_scrape(self, refresh: Refresh) -> None:
        """Call ``refresh`` before each scrape, to set gauges that are counted in the database. Its failure keeps the old figures."""
        self._refresh.append(refresh)

    @property
    def refreshers(self) -> Sequence[Refresh]:
        return tuple(self._refresh)

    def render(self) -> bytes:
        """The exposition of all collectors in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"haukiem_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(f"haukiem_{name}", text, labels, registry=self.registry, buckets=_LATENCY)
