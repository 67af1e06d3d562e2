"""What a pilot's book becomes, and what is to be told: on reports, on new facts, when a clock falls due. Pure.

The engine, the check before an HTTP report is taken, and the replay of a decision all call these same functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.monitoring.core import caps, reports, silence, thresholds, usage, windows
from services.monitoring.core.book import Book, Identity, Judgement, Report, Sample, Source, Span, UsageKey, Verdict
from services.monitoring.core.caps import Evaluation
from services.monitoring.core.desk import Desk, Reason
from services.monitoring.core.instants import DAY, OFFSET, Day, Instant, day_end, day_of, moment
from services.monitoring.core.meters import Gauge, Point, Sum
from services.monitoring.core.reports import Known, by_time
from services.monitoring.core.view import CapTerm, Terms, View
from shared.contracts.errors import Problem, problem
from shared.contracts.events.monitoring import RuleCode
from shared.contracts.pilot import Window
from shared.contracts.rules import MetricKind

_DAY_CLOSE = "day"
_TIDY = "tidy"


def take_reports(
    book: Book,
    view: View,
    sent: Sequence[Report],
    now: datetime,
    known: Mapping[Identity, str],
    past: Mapping[tuple[str, Day], int] | None = None,
) -> Judgement:
    """Judge records of one pilot in the order of their partition; one verdict each.

    ``known`` are the hashes of accepted records among those that do not rise or are corrected (:func:`identities_to_look_up`); ``past``
    are day sums that the book no longer keeps (:func:`days_to_look_up`).
    """
    desk = Desk(book, view, now)
    desk.past = dict(past or {})
    seen = dict(known)
    for index, report in enumerate(sent):
        desk.report, desk.index = report, index
        verdict = _verdict(desk, report, seen)
        desk.verdicts.append(verdict)
        if verdict.outcome == "accepted":
            seen[report.identity] = report.sha256
            _accept(desk, report)
    thresholds.prune(desk)
    return desk.close()


def inspect(
    book: Book,
    view: View,
    report: Report,
    now: datetime,
    known: Mapping[Identity, str],
    past: Mapping[tuple[str, Day], int] | None = None,
    ahead: Mapping[tuple[str, Day], int] | None = None,
) -> tuple[Problem, ...]:
    """The errors that a report would be rejected for if it were judged now, after what lies ``ahead`` of it has been added to the days of
    deltas. ``past`` as in :func:`take_reports`."""
    desk = Desk(book, view, now)
    desk.past = dict(past or {})
    for (metric, day), value in (ahead or {}).items():
        desk.add(metric, day, value)
    desk.report = report
    return _finished(desk) or reports.check(desk, report, known)


def take_facts(book: Book, view: View, now: datetime, change: int) -> Judgement:
    """Take in facts that arrived: a changed envelope is an evaluation of every total, and of what gauges have stood at since; clocks are set
    anew; what was not owed is cleared."""
    desk = Desk(book, view, now)
    desk.change = change
    for before, terms in zip((view.terms[0], *view.terms), view.terms, strict=False):
        # Two envelopes may have one instant: decisions that were issued together.
        fresh = desk.amended is not None and (terms.since, terms.version) > (desk.amended, desk.envelope)
        if fresh:
            caps.judge_gauges(desk, before, terms)
            if view.runs_at(terms.since):
                caps.judge_totals(desk, terms, terms.since)
        desk.amended = terms.since if desk.amended is None else max(desk.amended, terms.since)
        desk.envelope = max(desk.envelope, terms.version)
    silence.excuse(desk)
    silence.arm(desk)
    desk.alarm(_TIDY, None if desk.finished else view.tidy_at())
    return desk.close()


def fire(book: Book, view: View, due: Instant) -> Judgement:
    """Do what falls due at ``due``, the earliest alarm of the book; ``due`` is the ``now`` of all of it."""
    desk = Desk(book, view, moment(due))
    for kind in sorted(kind for kind, at in book.alarms.items() if at == due):
        if kind == silence.ALARM:
            silence.fire(desk, due)
        elif kind == _DAY_CLOSE:
            _close_day(desk, day_of(due - 1))
        elif kind == _TIDY:
            _tidy(desk)
        else:
            thresholds.empties(desk, kind.partition("/")[2], due)
    return desk.close()


def roll_usage(
    book: Book, view: View, now: datetime, keys: Iterable[UsageKey], past: Mapping[tuple[str, Day], int] | None = None
) -> Judgement:
    """Tell usage that has changed. ``past`` are day sums that the book no longer keeps (:func:`usage_to_look_up`)."""
    desk = Desk(book, view, now)
    desk.past = dict(past or {})
    usage.roll(desk, keys)
    return desk.close()


def identities_to_look_up(book: Book, sent: Iterable[Report]) -> set[tuple[str, int]]:
    """The (source, sequence) whose accepted records must be known to judge ``sent``."""
    wanted = set()
    for report in sent:
        if reports.is_suspect(book.sources.get(report.source, Source()), report):
            wanted.add((report.source, report.sequence))
        if report.corrects is not None:
            wanted.add((report.source, report.corrects))
    return wanted


def days_to_look_up(book: Book, view: View, sent: Iterable[Report]) -> set[tuple[str, Day]]:
    """The days that the book no longer keeps and that late samples under a day cap touch, or a correction lowers."""
    wanted = set()
    for report in sent:
        for metric, day in reports.lowered(view, report):
            if book.sums.get(metric, Sum()).day(day) is None:
                wanted.add((metric, day))
        for sample in report.samples:
            if _is_cut(book, sample.metric):
                day = day_of(sample.at)
                capped = view.terms_at(sample.at).cap(sample.metric, Window.DAY) is not None
                if capped and not _keeps(book, sample.metric, day):
                    wanted.add((sample.metric, day))
    return wanted


def usage_to_look_up(book: Book) -> set[tuple[str, Day]]:
    """The days whose usage is to be told and that the book no longer keeps."""
    return {(metric, day) for metric, _, day in book.unrolled if day is not None and not _keeps(book, metric, day)}


def _is_cut(book: Book, metric: str) -> bool:
    """Whether a meter has let go of days; most never do."""
    counter = book.counters.get(metric)
    return book.sums.get(metric, Sum()).cut if counter is None else counter.floor_at is not None


def _keeps(book: Book, metric: str, day: Day) -> bool:
    counter = book.counters.get(metric)
    return book.sums.get(metric, Sum()).day(day) is not None if counter is None else counter.keeps(day)


def points_to_look_up(book: Book, view: View, sent: Iterable[Report]) -> Instant | None:
    """From when on the values of threshold windows must be at hand, when late samples reach further back than the book keeps."""
    needed: Instant | None = None
    for report in sent:
        for sample in report.samples:
            if sample.metric in view.windowed:
                since = sample.at - view.widest
                if any(span.since is not None and since < span.since for span in book.spans.values()):
                    needed = since if needed is None else min(needed, since)
    return needed


def with_point(book: Book, metric: str, point: Point) -> Book:
    """The book with a value of a threshold window that was judged and is not stored yet."""
    span = windows.put(book.spans.get(metric, Span()), point)
    return replace(book, spans={**book.spans, metric: span})


# One report


def _verdict(desk: Desk, report: Report, known: Mapping[Identity, str]) -> Verdict:
    what = reports.identify(desk.sources.get(report.source, Source()), report, known)
    if what is Known.SAME:
        return Verdict("duplicate")
    if what is Known.OTHER:
        return Verdict("rejected", (problem("identity_reused", "/sequence", None, sequence=report.sequence),))
    if what is Known.TOO_OLD:
        return Verdict("rejected", (problem("sequence_too_old", "/sequence", None, sequence=report.sequence),))
    problems = _finished(desk) or reports.check(desk, report, known)
    return Verdict("rejected", problems) if problems else Verdict("accepted")


def _finished(desk: Desk) -> tuple[Problem, ...]:
    """Also of a report that is read before the clock has fired that was due when it was received."""
    tidy = desk.view.tidy_at()
    over = desk.finished or (tidy is not None and desk.received >= tidy)
    return (problem("pilot_over"),) if over else ()


def _accept(desk: Desk, report: Report) -> None:
    source = desk.sources.get(report.source, Source())
    if (report.sequence, report.part) > (source.sequence, source.part):
        desk.sources[report.source] = Source(report.sequence, report.part, source.served, source.metrics)
    if desk.view.windowed:
        thresholds.lapse(desk)
    totals: dict[str, tuple[int, Instant | None]] = {}
    for metric, samples in _by_metric(report.samples).items():
        kind = desk.view.kinds[metric]
        if metric in desk.view.plain:
            _take_plain(desk, metric, samples, totals)
        elif kind is MetricKind.GAUGE:
            for sample in samples:
                _take_gauge(desk, sample, report)
        else:
            for sample in samples if kind is MetricKind.DELTA else by_time(samples):
                _take_sum(desk, sample, kind, report.sequence, totals)
    for metric, (before, at) in totals.items():
        if at is not None:
            _judge_total(desk, metric, before, at)
    thresholds.judge(desk)
    silence.serve(desk, report)


def _by_metric(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples of each metric in their order; between metrics order means nothing: ratios are judged once all are there."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        known = found.get(sample.metric)
        if known is None:
            found[sample.metric] = [sample]
        else:
            known.append(sample)
    return found


def _take_plain(
    desk: Desk, metric: str, samples: Sequence[Sample], totals: dict[str, tuple[int, Instant | None]]
) -> None:
    """Samples of a delta that only its total is judged by: summed by day, then added at once. The same sums as one by one."""
    gains: dict[Day, int] = {}
    newest = samples[0].at
    for _, at, value, _ in samples:
        day = (at + OFFSET) // DAY
        gains[day] = gains.get(day, 0) + value
        if at > newest:
            newest = at
    runs_at = desk.view.runs_at
    judged_at = newest if runs_at(newest) else max((one.at for one in samples if runs_at(one.at)), default=None)
    totals[metric] = (caps.total_of(desk, metric), judged_at)
    usage.reached(desk, metric, newest)
    for day, gain in gains.items():
        desk.add(metric, day, gain)
        key = (metric, day)
        desk.gains[key] = desk.gains.get(key, 0) + gain
    desk.changed(metric, Window.TOTAL)


def _take_gauge(desk: Desk, sample: Sample, report: Report) -> None:
    """Every sample is held against the cap as it was sent, whatever other sources say of its instant; but for one that its own source has
    corrected already."""
    metric, view = sample.metric, desk.view
    gauge = desk.gauges.get(metric, Gauge())
    before = gauge.latest
    point = Point(sample.at, report.sequence, sample.value, report.source)
    put = gauge.put(point)
    if put is None:
        return
    desk.gauges[metric] = put
    rose = usage.rose(desk, metric, sample.at, sample.value)
    if rose or put.latest is not before:
        desk.changed(metric, Window.CONCURRENT)
    if metric in view.windowed:
        windows.note(desk, metric, MetricKind.GAUGE, point)
    if not view.runs_at(sample.at):
        return
    terms = view.terms_at(sample.at)
    cap = terms.cap(metric, Window.CONCURRENT)
    if cap is not None:
        seen = Evaluation(sample.value, None if before is None else before.value, sample.at, sample.at)
        caps.judge(desk, terms, cap, seen, _reason(desk))


def _take_sum(
    desk: Desk, sample: Sample, kind: MetricKind, sequence: int, totals: dict[str, tuple[int, Instant | None]]
) -> None:
    metric, view, day = sample.metric, desk.view, day_of(sample.at)
    terms = view.terms_at(sample.at)
    runs = view.runs_at(sample.at)
    cap = terms.cap(metric, Window.DAY) if metric in terms.caps else None
    total = caps.total_of(desk, metric)
    on_day = None if cap is None else _day_known(desk, metric, day)
    if kind is MetricKind.DELTA:
        desk.add(metric, day, sample.value)
        desk.gained(metric, ((day, sample.value),))
        if metric in view.windowed:
            windows.note(desk, metric, kind, Point(sample.at, sequence, sample.value))
    else:
        gains = desk.count(metric, sample.at, sample.value, sample.reset)
        desk.gained(metric, gains)
        if metric in view.windowed:
            windows.count(desk, sample, sequence, sum(value for _, value in gains))
        for other, _ in gains:
            # A late sample moves what was counted from one day to another.
            if other != day and view.terms_at(day_end(other) - 1).cap(metric, Window.DAY) is not None:
                desk.changed(metric, Window.DAY, other)
    usage.reached(desk, metric, sample.at)
    before, newest = totals.get(metric, (total, None))
    totals[metric] = (before, max(newest or sample.at, sample.at) if runs else newest)
    desk.changed(metric, Window.TOTAL)
    if cap is not None:
        _judge_day(desk, terms, cap, day, on_day, sample.at)


def _day_known(desk: Desk, metric: str, day: Day) -> int | None:
    """The sum of a day that has samples; None when this is its first."""
    kept = next((value for kept, value in caps.days_of(desk, metric) if kept == day), None)
    return desk.past.get((metric, day)) if kept is None else kept


def _judge_day(desk: Desk, terms: Terms, cap: CapTerm, day: Day, before: int | None, at: Instant) -> None:
    """A sample under a day cap. Its day may breach at once; only closed days clear."""
    closed = before is not None and day not in desk.open_days
    desk.changed(cap.metric, Window.DAY, day)
    if not closed:
        desk.open_days.add(day)
        _arm_day(desk)
    if desk.view.runs_at(at):
        seen = Evaluation(usage.day_value(desk, cap.metric, day), before or 0, at, at, day)
        caps.judge(desk, terms, cap, seen, _reason(desk), settle=closed)


def _judge_total(desk: Desk, metric: str, before: int, at: Instant) -> None:
    """Once a record. A total is a running state: what it was held against once, an older sample does not take back."""
    terms = desk.view.terms_at(max(at, desk.amended or at))
    cap = terms.cap(metric, Window.TOTAL)
    if cap is not None:
        seen = Evaluation(caps.total_of(desk, metric), before, at, at)
        caps.judge(desk, terms, cap, seen, _reason(desk))


def _reason(desk: Desk) -> Reason:
    return "corrected" if desk.corrects else "recovered"


# Clocks


def _arm_day(desk: Desk) -> None:
    desk.alarm(_DAY_CLOSE, day_end(min(desk.open_days)) if desk.open_days else None)


def _close_day(desk: Desk, day: Day) -> None:
    """The end of a day is one evaluation of its day caps; a day without samples is none."""
    desk.open_days.discard(day)
    _arm_day(desk)
    last = day_end(day) - 1
    terms = desk.view.terms_at(last)
    for metric, some in terms.caps.items():
        cap = next((one for one in some if one.window is Window.DAY), None)
        if cap is None or not any(kept == day for kept, _ in caps.days_of(desk, metric)):
            continue
        usage.tell(desk, metric, Window.DAY, day, closed=True)
        if desk.view.runs_at(last):
            caps.judge(
                desk, terms, cap, Evaluation(usage.day_value(desk, metric, day), None, last, None, day), "recovered"
            )


def _tidy(desk: Desk) -> None:
    """Some days after the end nothing is open any more, and nothing counts any more."""
    for key, standing in sorted(desk.standings.items()):
        if standing.open:
            rule, _, subject = key.partition("/")
            desk.clear(RuleCode(rule), subject, "pilot_ended")
    desk.finished = True
    desk.alarms.clear()
    desk.heard.clear()
