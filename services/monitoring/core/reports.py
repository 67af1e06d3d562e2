"""Whether a report may count: who it is, and whether every sample holds. A report counts whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from services.monitoring.core.book import SEQUENCE_WINDOW, Identity, Report, Sample, Source
from services.monitoring.core.desk import Desk
from services.monitoring.core.instants import SECOND, Day, Instant, date_of, day_of, moment
from services.monitoring.core.meters import Counter, Fall, LateReset
from services.monitoring.core.view import View
from shared.contracts.errors import Problem, problem
from shared.contracts.events.metrics import MAX_SAMPLES
from shared.contracts.numbers import plain, unscaled
from shared.contracts.rules import MetricKind

AHEAD = 300 * SECOND
"""How far a sample may lie ahead of our clock: clocks differ."""
MAX_PROBLEMS = 100
"""Errors told of one report; the rest is counted."""


class Known(StrEnum):
    """What an identity is to us."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"
    """The identity counted before with another content."""
    TOO_OLD = "too_old"


def identify(source: Source, report: Report, known: Mapping[Identity, str]) -> Known:
    """``known`` holds the hashes of accepted records by identity: all those that :func:`is_suspect` asked for."""
    if not is_suspect(source, report):
        return Known.NEW
    before = known.get(report.identity)
    if before is not None:
        return Known.SAME if before == report.sha256 else Known.OTHER
    return Known.TOO_OLD if report.sequence < source.sequence - SEQUENCE_WINDOW else Known.NEW


def is_suspect(source: Source, report: Report) -> bool:
    """Whether the identity does not rise, so that the record may have counted before."""
    return (report.sequence, report.part) <= (source.sequence, source.part)


def check(desk: Desk, report: Report, known: Mapping[Identity, str]) -> tuple[Problem, ...]:
    """Every error of a report whose identity is new, each located; at most :data:`MAX_PROBLEMS`, the rest counted."""
    found = [*_whole(desk, report, known), *_samples(desk, report)]
    found += [*_falls(desk, report), *_taken_back(desk, report)] if not found else []
    return told(found, len(found))


def told(first: Sequence[Problem], count: int) -> tuple[Problem, ...]:
    """Of ``count`` errors, of which these are the first, as many as anyone reads; the rest counted."""
    kept = tuple(first[:MAX_PROBLEMS])
    left = count - len(kept)
    return kept if not left else (*kept, problem("more_problems", "/samples", None, count=left))


def _whole(desk: Desk, report: Report, known: Mapping[Identity, str]) -> list[Problem]:
    found = []
    newest = max(sample.at for sample in report.samples)
    if report.source not in desk.view.terms_at(newest).sources:
        found.append(problem("source_unknown", "/source", None, source=report.source))
    if report.corrects is not None:
        if report.corrects >= report.sequence:
            found.append(problem("corrects_not_before", "/corrects", None, corrects=report.corrects))
        elif not any(key[0] == report.source and key[1] == report.corrects for key in known):
            found.append(problem("corrects_unknown", "/corrects", None, corrects=report.corrects))
    return found


def _samples(desk: Desk, report: Report) -> list[Problem]:
    kinds, start, last = desk.view.kinds, desk.view.started, desk.view.latest_sample()
    ahead = desk.received + AHEAD
    found: list[Problem] = []
    for index, sample in enumerate(report.samples):
        kind = kinds.get(sample.metric)
        if (
            kind is None
            or sample.at > ahead
            or start is None
            or sample.at < start
            or (last is not None and sample.at > last)
            or (sample.value < 0 and kind is not MetricKind.GAUGE)
            or (sample.reset and kind is not MetricKind.COUNTER)
        ):
            found += _located(report, index, sample, kind, (start, last, ahead))
    return found


def _located(
    report: Report,
    index: int,
    sample: Sample,
    kind: MetricKind | None,
    bounds: tuple[Instant | None, Instant | None, Instant],
) -> list[Problem]:
    start, last, ahead = bounds
    at, metric, value = f"/samples/{index}/at", f"/samples/{index}/metric", f"/samples/{index}/value"
    found = []
    if kind is None:
        found.append(problem("metric_unknown", metric, None, metric=sample.metric))
    if sample.at > ahead:
        found.append(problem("sample_in_future", at, None, at=moment(sample.at).isoformat()))
    elif start is None or sample.at < start:
        found.append(
            problem("sample_before_start", at, None, start="–" if start is None else moment(start).isoformat())
        )
    elif last is not None and sample.at > last:
        found.append(problem("sample_after_end", at, None, last=moment(last).isoformat()))
    if sample.value < 0 and kind is MetricKind.COUNTER:
        found.append(problem("counter_negative", value))
    if sample.value < 0 and kind is MetricKind.DELTA and report.corrects is None:
        found.append(problem("delta_negative", value))
    if sample.reset and kind is not None and kind is not MetricKind.COUNTER:
        found.append(problem("reset_not_counter", f"/samples/{index}/reset", None, metric=sample.metric))
    return found


def _falls(desk: Desk, report: Report) -> list[Problem]:
    """Counters that fall, tried on copies: the samples of a record by their time, in whatever order they stand; a report that is cut into
    records is tried record by record, as it will be read."""
    kinds = desk.view.kinds
    counted = [one for one in enumerate(report.samples) if kinds[one[1].metric] is MetricKind.COUNTER]
    tried: dict[str, Counter] = {}
    found: dict[int, Problem] = {}
    for index, sample in sorted(counted, key=lambda one: (one[0] // MAX_SAMPLES, one[1].at)):
        counter = tried.get(sample.metric) or desk.counters.get(sample.metric, Counter())
        try:
            tried[sample.metric], _ = counter.put(sample.at, sample.value, sample.reset)
        except Fall as fall:
            params = {"value": plain(unscaled(sample.value)), "known": plain(unscaled(fall.known))}
            found[index] = problem("counter_falls", f"/samples/{index}/value", None, metric=sample.metric, **params)
        except LateReset:
            found[index] = problem("counter_reset_late", f"/samples/{index}/reset", None, metric=sample.metric)
    return [found[index] for index in sorted(found)]


def by_time(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The samples of a counter as they are taken; those of one instant as they stand."""
    return sorted(samples, key=lambda one: one.at)


def lowered(view: View, report: Report) -> set[tuple[str, Day]]:
    """The days of deltas from which a correction takes something back."""
    if report.corrects is None:
        return set()
    return {
        (one.metric, day_of(one.at))
        for one in report.samples
        if one.value < 0 and view.kinds.get(one.metric) is MetricKind.DELTA
    }


def _taken_back(desk: Desk, report: Report) -> list[Problem]:
    """Days of deltas that would fall below zero: what was never reported cannot be taken back.

    The samples of a record are taken together, in whatever order they stand; a report that is cut into records is judged record by record,
    as it will be read.
    """
    left = {key: desk.recorded(*key) for key in lowered(desk.view, report)}
    found: dict[tuple[str, Day], Problem] = {}
    for first in range(0, len(report.samples) if left else 0, MAX_SAMPLES):
        places: dict[tuple[str, Day], int] = {}
        before = dict(left)
        for index, sample in enumerate(report.samples[first : first + MAX_SAMPLES], first):
            key = (sample.metric, day_of(sample.at))
            if key in left:
                left[key] += sample.value
                if sample.value < 0:
                    places.setdefault(key, index)
        for key, index in places.items():
            if left[key] < 0 and key not in found:
                found[key] = _beyond(index, key, before[key], left[key])
    return list(found.values())


def _beyond(index: int, key: tuple[str, Day], recorded: int, remains: int) -> Problem:
    return problem(
        "correction_beyond_recorded",
        f"/samples/{index}/value",
        None,
        metric=key[0],
        day=date_of(key[1]).isoformat(),
        recorded=plain(unscaled(recorded)),
        remains=plain(unscaled(remains)),
    )
