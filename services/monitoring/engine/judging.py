"""From records and facts to pending work: loads what is missing, asks core, and keeps what it said until the flush."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.monitoring.core import assessment, judge
from services.monitoring.core.book import Book, Identity, Judgement, Report
from services.monitoring.core.failing import About
from services.monitoring.core.instants import MILLISECOND, Day, Instant, instant_of, moment
from services.monitoring.core.view import view_of
from services.monitoring.engine.lane import Lane, Pilot, Telling
from services.monitoring.engine.reading import INTAKE, Arrival, authenticate, read
from services.monitoring.store import books, intake, pilots, records
from services.monitoring.store.records import Parking, Rejection, Taken
from shared.contracts.errors import Problem, problem
from shared.contracts.events.monitoring import MetricsReportRejected
from shared.platform.db import Database, Tx
from shared.reference.calendar import Calendar

_BY_BROKER = 1
"""``timestamp_type`` of a record whose stamp the broker set when it appended it (LogAppendTime)."""

_PARKED_AT_ONCE = 1000


class Judging:
    """Knows no Kafka: lanes and records come in, pending work stands in the lanes.

    ``stamped`` says that the broker's clock is the domain's: then its stamp on a record says when the record was received.
    """

    def __init__(self, db: Database, calendar: Calendar, *, unsigned: bool, stamped: bool = False) -> None:
        self._db = db
        self._calendar = calendar
        self._unsigned = unsigned
        self._stamped = stamped
        self._ids: dict[bytes, UUID] = {}

    # Facts

    async def take_changes(self, lanes: Mapping[int, Lane], now: datetime, limit: int) -> set[UUID]:
        """Take in what the applications topic told since, of ``limit`` pilots at most. Gives the pilots that changed: as many as the limit
        mean that there may be more, which are found when these are written."""
        async with self._db.tx() as tx:
            changed = await pilots.changed(tx, lanes, limit)
            rows = await pilots.stored(tx, changed) if changed else {}
            aside = {one: row for one, row in rows.items() if one in lanes[row["partition"]].aside}
            fresh = await self._load(tx, {one: row for one, row in rows.items() if one not in aside})
        for pilot_id, row in aside.items():
            lane = lanes[row["partition"]]
            lane.pending.seen[pilot_id] = row["change"]
            lane.pending.parked.append(Parking(pilot_id, lane.partition, now, now, facts=row))
        for pilot_id, pilot in fresh.items():
            lane = lanes[pilot.partition]
            kept = lane.pilots.get(pilot_id)
            if kept is not None:
                pilot.book = kept.book  # what is pending is newer than what is stored
            self.take_in(lane, pilot_id, pilot, now)
            lane.pending.seen[pilot_id] = pilot.change
        return set(rows)

    async def at_hand(self, lane: Lane, pilot_ids: Collection[UUID], now: datetime) -> None:
        """Have the known ones of ``pilot_ids`` in the lane, each with all its facts taken in; but for those that are set aside."""
        known = (lane.pilots, lane.aside, lane.elsewhere)
        missing = [pilot_id for pilot_id in pilot_ids if not any(pilot_id in some for some in known)]
        if missing:
            async with self._db.tx() as tx:
                rows = await pilots.stored(tx, missing)
                lane.elsewhere |= {
                    one: row["partition"] for one, row in rows.items() if row["partition"] != lane.partition
                }
                fresh = await self._load(tx, {one: row for one, row in rows.items() if one not in lane.elsewhere})
            for pilot_id, pilot in fresh.items():
                if pilot.change != pilot.book.change:  # else it was marked when the book was written
                    lane.pending.seen[pilot_id] = pilot.change
                self.take_in(lane, pilot_id, pilot, now)

    def take_in(self, lane: Lane, pilot_id: UUID, pilot: Pilot, now: datetime) -> None:
        """Have the pilot at hand, with all its facts taken in."""
        lane.pilots[pilot_id] = pilot
        if pilot.change != pilot.book.change:
            with About(pilot_id, "taking in facts"):
                judged = judge.take_facts(pilot.book, pilot.view, now, pilot.change)
            self.keep(lane, pilot_id, judged, ())

    async def _load(self, tx: Tx, rows: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, Pilot]:
        stored = await books.load(tx, rows) if rows else {}
        return {pilot_id: self.pilot_of(pilot_id, row, stored.get(pilot_id, Book())) for pilot_id, row in rows.items()}

    def pilot_of(self, pilot_id: UUID, row: Mapping[str, Any], book: Book) -> Pilot:
        """The pilot whose facts stand as in ``row``. Raises ``JudgingFailed``."""
        with About(pilot_id, "reading the facts"):
            known = pilots.read(row)
            return Pilot(view_of(known.facts, self._calendar), known.change, known.partition, known.secrets, book)

    # Records

    async def take_records(self, lane: Lane, batch: Sequence[Any], now: datetime) -> None:
        """Judge the records of one partition in their order and move the lane's position past them."""
        by_pilot: dict[UUID, list[Arrival]] = defaultdict(list)
        for record in batch:
            arrival = read(record, self._ids, self._stamp(record, now))
            if arrival.pilot_id is None:
                lane.pending.strays.append((record, _why(arrival.problems) or "the key is not the id of a pilot"))
            else:
                by_pilot[arrival.pilot_id].append(arrival)
        await self._know_intake(by_pilot)
        await self.at_hand(lane, by_pilot, now)
        ready: dict[UUID, list[Arrival]] = {}
        for pilot_id, arrivals in by_pilot.items():
            pilot = lane.pilots.get(pilot_id)
            if pilot_id in lane.elsewhere:
                self._turn_away(lane, pilot_id, arrivals, now)
            elif pilot is None or pilot.view.started is None or pilot_id in lane.waiting:
                self._park(lane, pilot_id, arrivals, now)
            else:
                ready[pilot_id] = arrivals
        await self.judge(lane, ready, now)
        if batch:
            lane.position = batch[-1].offset + 1

    def give_up(self, lane: Lane, record: Any, reason: str) -> None:
        """Take a record for dead, and move the lane's position past it."""
        lane.pending.strays.append((record, reason))
        lane.position = record.offset + 1

    async def take_parked(
        self, lane: Lane, topic: str, pilot_ids: Collection[UUID], now: datetime, *, final: datetime | None = None
    ) -> bool:
        """Judge some of what waits for pilots whose facts have come, and say whether there was any; the lane must be written before.

        ``final``: what was parked before this wall time waits for a start no longer.
        """
        await self.at_hand(lane, pilot_ids, now)
        known = [one for one in pilot_ids if one in lane.pilots and one in lane.waiting and one not in lane.aside]
        ready = [one for one in known if final is not None or lane.pilots[one].view.started is not None]
        if not ready:
            return False
        started = [one for one in ready if lane.pilots[one].view.started is not None]
        async with self._db.tx() as tx:
            rows = await records.parked(tx, topic, started, _PARKED_AT_ONCE)
            if not rows and final is not None:
                rest = set(ready).difference(started)
                rows = await records.parked(tx, topic, rest, _PARKED_AT_ONCE, before=final)
            left = await records.count_parked_of(tx, ready)
        by_pilot: dict[UUID, list[Arrival]] = defaultdict(list)
        for row in rows:
            by_pilot[row.pilot_id].append(read(row, self._ids, instant_of(row.received)))
            lane.pending.unparked.append((row.pilot_id, row.id))
        await self.judge(lane, by_pilot, now)
        for pilot_id in ready:
            if left.get(pilot_id, 0) == len(by_pilot.get(pilot_id, ())):
                lane.waiting.discard(pilot_id)
        return bool(by_pilot)

    async def expire(self, lane: Lane, topic: str, before: datetime) -> bool:
        """Give up some of what has waited since ``before``, in wall time, for a pilot that is not known here although all facts have been
        read, and say whether there was any; the lane must be written before."""
        absent = [one for one in lane.waiting - lane.aside if one not in lane.pilots]
        if not absent:
            return False
        async with self._db.tx() as tx:
            known = await pilots.stored(tx, absent)
            unknown = [one for one in absent if one not in known or known[one]["partition"] != lane.partition]
            rows = await records.parked(tx, topic, unknown, _PARKED_AT_ONCE, before=before)
            left = await records.count_parked_of(tx, unknown)
        for row in rows:
            lane.pending.unparked.append((row.pilot_id, row.id))
            lane.pending.strays.append((row, problem("report_pilot_unknown").en))
        given_up = Counter(row.pilot_id for row in rows)
        lane.waiting.difference_update(one for one in unknown if left.get(one, 0) == given_up[one])
        return bool(rows)

    def _park(self, lane: Lane, pilot_id: UUID, arrivals: Sequence[Arrival], now: datetime) -> None:
        lane.waiting.add(pilot_id)
        for arrival in arrivals:
            at = None if arrival.report is None else arrival.report.received
            received = now if at is None else moment(at)
            lane.pending.parked.append(Parking(pilot_id, lane.partition, now, received, arrival.record))

    # When a record was received: never on its sender's word

    def _stamp(self, record: Any, now: datetime) -> Instant | None:
        """The broker's own stamp, which no producer writes; None where the stamp is the producer's, or not of the domain's time."""
        if not self._stamped or record.timestamp_type != _BY_BROKER:
            return None
        stamp: Instant = record.timestamp * MILLISECOND
        return min(stamp, instant_of(now))

    async def _know_intake(self, by_pilot: Mapping[UUID, list[Arrival]]) -> None:
        """Of records that our ingest produced, the request says when it was taken. The header is anyone's to write: the bytes must be ours."""
        claimed = [
            (pilot_id, index, arrival, arrival.report)
            for pilot_id, arrivals in by_pilot.items()
            for index, arrival in enumerate(arrivals)
            if arrival.report is not None and arrival.header(INTAKE) is not None
        ]
        if not claimed:
            return
        async with self._db.tx() as tx:
            wanted = [(pilot_id, *report.identity, arrival.sha256) for pilot_id, _, arrival, report in claimed]
            taken = await intake.taken_at(tx, wanted)
        for pilot_id, index, arrival, report in claimed:
            at = taken.get((pilot_id, *report.identity, arrival.sha256))
            if at is not None:
                by_pilot[pilot_id][index] = replace(arrival, report=replace(report, received=instant_of(at)))

    def _turn_away(self, lane: Lane, pilot_id: UUID, arrivals: Sequence[Arrival], now: datetime) -> None:
        """Records on a partition where Kafka's default partitioner would not put them."""
        for arrival in arrivals:
            problems = arrival.problems or authenticate(arrival, lane.elsewhere[pilot_id], {}, unsigned=self._unsigned)
            self._reject(lane, pilot_id, arrival, problems, now)

    async def judge(self, lane: Lane, ready: Mapping[UUID, list[Arrival]], now: datetime) -> None:
        """Judge records of pilots that are at hand. Raises ``JudgingFailed``; the lane is then worthless."""
        sent: dict[UUID, list[tuple[Arrival, Report]]] = {}
        for pilot_id, arrivals in ready.items():
            pilot = lane.pilots[pilot_id]
            for arrival in arrivals:
                problems = arrival.problems or authenticate(
                    arrival, pilot.partition, pilot.secrets, unsigned=self._unsigned
                )
                if arrival.report is None or problems:
                    self._reject(lane, pilot_id, arrival, problems, now)
                else:
                    sent.setdefault(pilot_id, []).append((arrival, arrival.report))
        known, past = await self._look_up(lane, sent)
        for pilot_id, pairs in sent.items():
            pilot = lane.pilots[pilot_id]
            reports = [report for _, report in pairs]
            with About(pilot_id, "judging reports"):
                judged = judge.take_reports(
                    pilot.book, pilot.view, reports, now, known.get(pilot_id, {}), past.get(pilot_id, {})
                )
            self._record(lane, pilot_id, pairs, judged, now)
            self.keep(lane, pilot_id, judged, [arrival for arrival, _ in pairs])

    async def _look_up(
        self, lane: Lane, sent: Mapping[UUID, Sequence[tuple[Arrival, Report]]]
    ) -> tuple[dict[UUID, dict[Identity, str]], dict[UUID, dict[tuple[str, Day], int]]]:
        """What the books do not keep: identities that do not rise, old days, old values of windows. In the common case: nothing."""
        identities, days, reach = [], [], {}
        for pilot_id, pairs in sent.items():
            pilot = lane.pilots[pilot_id]
            reports = [report for _, report in pairs]
            with About(pilot_id, "preparing to judge reports"):
                identities += [(pilot_id, *one) for one in judge.identities_to_look_up(pilot.book, reports)]
                days += [(pilot_id, *one) for one in judge.days_to_look_up(pilot.book, pilot.view, reports)]
                since = judge.points_to_look_up(pilot.book, pilot.view, reports)
            if since is not None:
                reach[pilot_id] = since
        known: dict[UUID, dict[Identity, str]] = {}
        past: dict[UUID, dict[tuple[str, Day], int]] = {}
        if not (identities or days or reach):
            return known, past
        async with self._db.tx() as tx:
            if identities:
                known = await records.identities(tx, identities)
            if days:
                past = await _past_days(tx, lane, days)
            if reach:
                whole = await books.extended(tx, reach, {one: lane.pilots[one].book for one in reach})
                for pilot_id, book in whole.items():
                    lane.pilots[pilot_id].book = book
        self._add_pending(lane, known, reach)
        return known, past

    def _add_pending(self, lane: Lane, known: dict[UUID, dict[Identity, str]], reach: Collection[UUID]) -> None:
        """What is judged and not yet written is as true as what is stored."""
        for taken in lane.pending.taken:
            known.setdefault(taken.pilot_id, {})[taken.source, taken.sequence, taken.part] = taken.sha256.hex()
        for (pilot_id, metric, _, _), point in lane.pending.points.items():
            if pilot_id in reach:
                pilot = lane.pilots[pilot_id]
                pilot.book = judge.with_point(pilot.book, metric, point)

    # Clocks

    def fire(self, lane: Lane, pilot_id: UUID, due: Instant) -> None:
        """Fire the clocks of a pilot at hand that fall due at ``due``, its earliest."""
        pilot = lane.pilots[pilot_id]
        with About(pilot_id, "firing a clock"):
            judged = judge.fire(pilot.book, pilot.view, due)
        self.keep(lane, pilot_id, judged, ())

    async def roll(self, lane: Lane, now: datetime) -> None:
        """Tell the usage that has changed since it was last told."""
        if not lane.unrolled:
            return
        await self.at_hand(lane, lane.unrolled, now)
        changed = (lane.unrolled & lane.pilots.keys()) - lane.aside
        days = [(one, *key) for one in changed for key in judge.usage_to_look_up(lane.pilots[one].book)]
        past: dict[UUID, dict[tuple[str, Day], int]] = {}
        if days:
            async with self._db.tx() as tx:
                past = await _past_days(tx, lane, days)
        for pilot_id in changed:
            pilot = lane.pilots[pilot_id]
            with About(pilot_id, "telling usage"):
                judged = judge.roll_usage(pilot.book, pilot.view, now, pilot.book.unrolled, past.get(pilot_id))
            self.keep(lane, pilot_id, judged, ())
        lane.unrolled.clear()

    # What core said

    def keep(self, lane: Lane, pilot_id: UUID, judged: Judgement, arrivals: Sequence[Arrival]) -> None:
        """Let the judgement stand in the lane until the flush."""
        pending = lane.pending
        lane.pilots[pilot_id].book = judged.book
        pending.dirty.add(pilot_id)
        for (metric, day), gain in judged.gains.items():
            key = (pilot_id, metric, day)
            pending.gains[key] = pending.gains.get(key, 0) + gain
        for (metric, at, source), point in judged.points.items():
            pending.points[pilot_id, metric, at, source] = point
        for told in judged.told:
            correlation = None if told.report is None else arrivals[told.report].correlation
            pending.tellings.append(Telling(told.event, correlation))
        if judged.book.unrolled:
            lane.unrolled.add(pilot_id)
            if any(metric in assessment.METRICS for metric, _, _ in judged.book.unrolled):
                pending.reassess.add(pilot_id)
        if judged.book.finished:
            pending.finished.add(pilot_id)

    def _record(
        self,
        lane: Lane,
        pilot_id: UUID,
        pairs: Sequence[tuple[Arrival, Report]],
        judged: Judgement,
        now: datetime,
    ) -> None:
        pending = lane.pending
        for (arrival, report), verdict in zip(pairs, judged.verdicts, strict=True):
            if verdict.outcome == "rejected":
                self._reject(lane, pilot_id, arrival, verdict.problems, now)
                continue
            self._consumed(lane, pilot_id, arrival, report)
            if verdict.outcome == "duplicate":
                pending.duplicates += len(report.samples)
                continue
            pending.accepted += len(report.samples)
            newest = max(sample.at for sample in report.samples)
            pending.taken.append(
                Taken(
                    pilot_id,
                    *report.identity,
                    report.parts,
                    report.corrects,
                    len(report.samples),
                    moment(newest),
                    arrival.sha256,
                    now,
                )
            )

    def _consumed(self, lane: Lane, pilot_id: UUID, arrival: Arrival, report: Report) -> None:
        """The header is anyone's to write: the flush compares the bytes with those of the request. Where they are the same the request has
        been read, whatever became of it: nothing else will come of it, and clocks and progress would wait for ever."""
        if report.part == report.parts and arrival.header(INTAKE) is not None:
            lane.pending.consumed.add((pilot_id, report.source, report.sequence, arrival.sha256))

    def _reject(
        self,
        lane: Lane,
        pilot_id: UUID,
        arrival: Arrival,
        problems: tuple[Problem, ...],
        now: datetime,
    ) -> None:
        report = arrival.report
        if report is not None:
            self._consumed(lane, pilot_id, arrival, report)
            lane.pending.rejected += len(report.samples)
        source, sequence, part = arrival.claimed if report is None else report.identity
        place = (arrival.record.partition, arrival.record.offset)
        rejection = Rejection(pilot_id, arrival.sha256, source, sequence, part, problems, now, *place, arrival.signed)
        lane.pending.rejections.append((rejection, arrival.record, arrival.correlation))


async def _past_days(
    tx: Tx, lane: Lane, days: Collection[tuple[UUID, str, Day]]
) -> dict[UUID, dict[tuple[str, Day], int]]:
    """By pilot, the sums of ``days`` that have samples: what is judged and not yet written is as true as what is stored."""
    found: dict[UUID, dict[tuple[str, Day], int]] = defaultdict(dict)
    for (pilot_id, metric, day), value in (await books.past_days(tx, days)).items():
        found[pilot_id][metric, day] = value
    for pilot_id, metric, day in set(days):
        gain = lane.pending.gains.get((pilot_id, metric, day))
        if gain is not None:
            found[pilot_id][metric, day] = found[pilot_id].get((metric, day), 0) + gain
    return found


def rejected_event(rejection: Rejection) -> MetricsReportRejected:
    return MetricsReportRejected(
        at=rejection.taken_at,
        pilot_id=rejection.pilot_id,
        source=rejection.source,
        sequence=rejection.sequence,
        part=rejection.part,
        partition=rejection.partition,
        offset=rejection.offset,
        record_sha256=rejection.sha256.hex(),
        signature_sha256=rejection.signed.hex() or None,
        problems=rejection.problems,
    )


def _why(problems: Sequence[Problem]) -> str:
    return "; ".join(f"{one.pointer or '/'}: {one.en}" for one in problems[:3])
