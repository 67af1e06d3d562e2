"""A pilot's book: all that the engine must remember of it to judge the next report. Values, never changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID, uuid5

from services.monitoring.core.instants import Day, Instant, instant_of, moment
from services.monitoring.core.meters import Counter, Gauge, Point, Sum
from shared.contracts.base import Event
from shared.contracts.errors import Problem
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.events.metrics import Sample as SampleSent
from shared.contracts.events.monitoring import RecordRef
from shared.contracts.numbers import scaled
from shared.contracts.pilot import Severity, Window

Identity = tuple[str, int, int]
"""Source, sequence, part: what makes a record of a pilot count once."""
UsageKey = tuple[str, Window, Day | None]
"""Metric, window, and the day of a day window."""

SEQUENCE_WINDOW = 10_000
"""How far behind the highest sequence of its source a late one may be."""


class Sample(NamedTuple):
    """One value as it was reported: the instant in microseconds, the value scaled."""

    metric: str
    at: Instant
    value: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """One record, well-formed. ``sha256`` is the hash of its value bytes. ``received`` is when it was taken, by a witness that its sender
    cannot forge; None: when it is judged."""

    source: str
    sequence: int
    part: int
    parts: int
    corrects: int | None
    samples: tuple[Sample, ...]
    sha256: str
    received: Instant | None = None

    @property
    def identity(self) -> Identity:
        return (self.source, self.sequence, self.part)

    def ref(self, received: Instant) -> RecordRef:
        """What a finding names of it; ``received`` is when it was taken."""
        return _ref(self.source, self.sequence, self.part, self.sha256, received)


def samples_of(sent: Iterable[SampleSent]) -> tuple[Sample, ...]:
    """The core's form of valid samples."""
    return tuple(Sample(one.metric, instant_of(one.at), scaled(one.value), one.reset) for one in sent)


def report_of(sent: MetricsReported, sha256: str, received: Instant | None = None) -> Report:
    """The core's form of a valid record."""
    samples = samples_of(sent.samples)
    return Report(sent.source, sent.sequence, sent.part, sent.parts, sent.corrects, samples, sha256, received)


@dataclass(frozen=True, slots=True)
class Source:
    """``sequence`` and ``part`` are the highest taken. ``served`` gives, by the starts of the unjudged periods in which a sample of the
    source lies, when the first report with one was received; ``metrics`` the same for each of its metrics marked ``reported``."""

    sequence: int = 0
    part: int = 0
    served: Mapping[Instant, Instant] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[Instant, Instant]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """A report that was received when a silence clock was due already that has not fired yet. ``period`` is the start of the newest period
    in which a sample of it lies."""

    received: Instant
    period: Instant
    source: str
    sequence: int
    part: int
    sha256: str

    @property
    def ref(self) -> RecordRef:
        return _ref(self.source, self.sequence, self.part, self.sha256, self.received)


def _ref(source: str, sequence: int, part: int, sha256: str, received: Instant) -> RecordRef:
    return RecordRef(source=source, sequence=sequence, part=part, sha256=sha256, received=moment(received))


@dataclass(frozen=True, slots=True)
class Standing:
    """How a finding's key stands: ``n`` openings so far, and whether the last is open. ``misses``, ``period`` (its start) and ``due`` are those
    of the last silence."""

    n: int = 0
    open: bool = False
    severity: Severity = Severity.INFO
    opened: Instant = 0
    measured: bool = False
    misses: int = 0
    period: Instant = 0
    due: Instant = 0


class Peak(NamedTuple):
    """The highest value of a gauge in some time, and its instant."""

    at: Instant
    value: int


@dataclass(frozen=True, slots=True)
class Span:
    """The values of a metric that a threshold reads, by instant, complete from ``since`` on (None: from the beginning)."""

    points: tuple[Point, ...] = ()
    since: Instant | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """``silence_from`` is the start of the next period to judge; ``heard`` are, by subject, reports that wait for its clock. ``amended`` is
    the effective instant of the newest envelope that was taken in, ``envelope`` its version. ``open_days`` have samples under a day cap and
    are not closed. ``alarms`` are due instants by kind. ``unrolled`` usage has changed since it was last told; ``newest`` is the instant of the
    newest sample of each sum and counter, ``peaks`` are the highest values of a gauge since it was last told, one for each quarter. A ``finished``
    book takes no more reports."""

    change: int = 0
    sums: Mapping[str, Sum] = field(default_factory=dict)
    counters: Mapping[str, Counter] = field(default_factory=dict)
    gauges: Mapping[str, Gauge] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    silence_from: Instant | None = None
    heard: Mapping[str, tuple[Heard, ...]] = field(default_factory=dict)
    amended: Instant | None = None
    envelope: int = 0
    open_days: frozenset[Day] = frozenset()
    alarms: Mapping[str, Instant] = field(default_factory=dict)
    unrolled: frozenset[UsageKey] = frozenset()
    newest: Mapping[str, Instant] = field(default_factory=dict)
    peaks: Mapping[str, tuple[Peak, ...]] = field(default_factory=dict)
    finished: bool = False

    def next_due(self) -> Instant | None:
        """The earliest instant at which something of this pilot falls due without a report."""
        return min(self.alarms.values(), default=None)


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and the index of the report that led to it (None: a fact or a clock did)."""

    event: Event
    report: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a report: ``accepted``, ``duplicate`` (it counted before) or ``rejected`` with every error located."""

    outcome: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """A book after something happened, and what is to be written beside it. ``gains`` move the rollup by (metric, day); ``points`` are,
    by metric, instant and source, the values of threshold windows that are new or changed."""

    book: Book
    told: tuple[Told, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    gains: Mapping[tuple[str, Day], int] = field(default_factory=dict)
    points: Mapping[tuple[str, Instant, str], Point] = field(default_factory=dict)


def finding_id(pilot_id: UUID, key: str, n: int) -> UUID:
    """The id of the ``n``-th opening (from 1) of the finding ``key`` (``rule/subject``) of a pilot."""
    return uuid5(pilot_id, f"{key}/{n}")


def measure_id(finding: UUID, n: int = 1) -> UUID:
    """The id of the ``n``-th interim measure on a finding; one opening takes one."""
    return uuid5(finding, f"measure/{n}")
