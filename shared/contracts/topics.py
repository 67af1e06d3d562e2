"""The topic registry: who writes a topic, its key, how long it is kept, who reads it, and into how many partitions it is cut.

Partitions are fixed at creation: growth beyond them is a topic v2. Compaction is never used.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.base import Event
from shared.contracts.events import applications, decisions, monitoring
from shared.contracts.events.metrics import MetricsReported

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Topic:
    """``retention_ms`` is None where records are kept for ever. ``stamped_by_broker``: a record carries the instant at which the broker
    appended it (LogAppendTime), which its producer cannot choose."""

    name: str
    owner: str
    events: tuple[type[Event] | type[MetricsReported], ...]
    consumers: tuple[str, ...]
    partitions: int
    retention_ms: int | None
    stamped_by_broker: bool = False
    key: str = "pilot_id"

    @property
    def timestamps(self) -> str:
        """Kafka's ``message.timestamp.type``."""
        return "LogAppendTime" if self.stamped_by_broker else "CreateTime"

    @property
    def dead(self) -> str:
        """The topic to which a consumer that gave up copies a record, for others to see."""
        return f"{self.name}.dead"


APPLICATIONS = Topic(
    name="haukiem.applications.v1",
    owner="applications",
    events=applications.EVENTS,
    consumers=("monitoring", "decisions"),
    partitions=12,
    retention_ms=None,
)
METRICS = Topic(
    name="haukiem.metrics.v1",
    owner="startups, through monitoring or directly",
    events=(MetricsReported,),
    consumers=("monitoring",),
    partitions=24,
    retention_ms=25 * 31 * DAY_MS,
    # Others than we write here, and when a report came decides whether it was in time.
    stamped_by_broker=True,
)
MONITORING = Topic(
    name="haukiem.monitoring.v1",
    owner="monitoring",
    events=monitoring.EVENTS,
    consumers=("applications", "decisions"),
    partitions=12,
    retention_ms=None,
)
DECISIONS = Topic(
    name="haukiem.decisions.v1",
    owner="decisions",
    events=decisions.EVENTS,
    consumers=("applications", "monitoring"),
    partitions=12,
    retention_ms=None,
)

TOPICS: tuple[Topic, ...] = (APPLICATIONS, METRICS, MONITORING, DECISIONS)
