"""What can be wrong with a dossier: every fault of every part at once, each at its JSON pointer, with its texts and its legal basis.

All of it can be mended but what :data:`FATAL` lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.applications.core.model import Standing
from shared.contracts.errors import Problem, problem
from shared.contracts.numbers import LARGEST, plain
from shared.contracts.pilot import Attachment, Dossier, Envelope, HeldPermit, Safeguards, Threshold
from shared.contracts.rules import GateRequires, PolicyRow, ThresholdDefault
from shared.reference.calendar import anniversary, local_day
from shared.reference.rows import Document, Rules, Tiering, place_of

FATAL = frozenset({"sector_outside_sandbox", "organisation_barred"})
"""What no supplement can mend."""

FARTHEST_START_MONTHS = 24
"""A plan further ahead is not yet a plan; the calendar knows holidays no further either."""

PROVINCES_INPUT = "provinces_cap"
"""The answer that must cover the provinces that the dossier declares: else the tier would be judged on less than is planned."""

LONGEST = {"caps": 200, "sources": 50, "thresholds": 100}
"""Longest lists of an envelope; those of a dossier are bounded by its contract."""

CAP_CODES = {
    "unknown_metric": "cap_unknown_metric",
    "not_cappable": "cap_not_cappable",
    "wrong_window": "cap_wrong_window",
    "declared_twice": "cap_twice",
    "over_maximum": "cap_over_maximum",
    "missing": "cap_missing",
}
ANSWER_CODES = {
    "missing": "answer_missing",
    "unknown_option": "answer_unknown_option",
    "not_a_count": "answer_not_a_count",
    "unknown_input": "answer_unknown_input",
}


@dataclass(frozen=True)
class Bench:
    """What a dossier is judged by. ``row`` is that of the tier by the answers that hold; ``certain``: all of them do.

    While an answer is missing the tier may still rise: then only what no tier allows is a fault, so that nothing is asked in vain.
    """

    rules: Rules
    received_at: datetime
    tiering: Tiering
    row: PolicyRow
    certain: bool

    @property
    def basis(self) -> str:
        return self.row.legal_basis[0]


def sandbox_basis(rules: Rules) -> str | None:
    """The act that every policy row in force cites first: the basis of what concerns no single row."""
    return next((row.legal_basis[0] for row in rules.policies.values()), None)


def fatal_faults(dossier: Dossier, rules: Rules, standing: Standing, now: datetime) -> Iterator[Problem]:
    """What keeps the application out for good, and a sector's former name, which can be mended."""
    basis = sandbox_basis(rules)
    if rules.sector(dossier.sector) is None:
        former = rules.fixed.legacy_sectors.get(dossier.sector)
        if former is not None and rules.sector(former.maps_to) is not None:
            yield problem("sector_renamed", "/sector", basis, sector=dossier.sector, now=former.maps_to)
        else:
            yield problem("sector_outside_sandbox", "/sector", basis, sector=dossier.sector)
    if standing.barred_until is not None and now < standing.barred_until:
        until = local_day(standing.barred_until).isoformat()
        yield problem("organisation_barred", "/organisation/tax_code", basis, until=until)


def faults(dossier: Dossier, bench: Bench, standing: Standing) -> Iterator[Problem]:
    """Every fault of a dossier whose sector is in the sandbox, in the order of the dossier's fields."""
    envelope = _bounded(dossier.envelope)
    yield from _length_faults(dossier.envelope, envelope, bench.basis)
    dossier = dossier.model_copy(update={"envelope": envelope})
    yield from place_faults(dossier.provinces, dossier.communes, dossier.activities, bench.rules, bench.basis)
    yield from _plan_faults(dossier, bench)
    yield from answer_faults(dossier.answers, dossier.provinces, bench.tiering, bench.basis)
    yield from activity_faults(dossier.activities, bench.rules, bench.basis)
    yield from permit_faults(dossier.held_permits, dossier.activities, bench.rules, bench.received_at, bench.basis)
    yield from _envelope_faults(dossier.envelope, bench)
    yield from _cap_faults(dossier, bench)
    needed = bench.rules.documents_needed(bench.tiering.levels, bench.tiering.tier, bool(dossier.held_permits))
    yield from _safeguard_faults(dossier.safeguards, needed, bench.basis)
    yield from _document_faults(dossier.attachments, needed, bench)
    if dossier.cohort_id is not None and not standing.cohort_open:
        yield problem("cohort_unknown", "/cohort_id", bench.basis, cohort=dossier.cohort_id)


def place_faults(
    provinces: Sequence[str], communes: Sequence[str], activities: Sequence[str], rules: Rules, basis: str
) -> Iterator[Problem]:
    for index, province in enumerate(provinces):
        if province not in rules.fixed.provinces:
            yield problem("province_unknown", f"/provinces/{index}", basis, province=province)
        elif province in provinces[:index]:
            yield problem("province_twice", f"/provinces/{index}", basis, province=province)
    for index, commune in enumerate(communes):
        if commune in communes[:index]:
            yield problem("commune_twice", f"/communes/{index}", basis, commune=commune)
    for gate in rules.declared_gates(activities)[0]:
        if place_of(gate.authority) == "commune" and not communes:
            yield problem("commune_missing", "/communes", gate.legal_basis, gate=gate.code)


def answer_faults(
    answers: dict[str, str | int], provinces: Sequence[str], tiering: Tiering, basis: str
) -> Iterator[Problem]:
    for fault in tiering.faults:
        options = "" if fault.criterion is None else ", ".join(option.code for option in fault.criterion.options)
        pointer = f"/answers/{fault.input}"
        yield problem(ANSWER_CODES[fault.why], pointer, basis, input=fault.input, options=options)
    for name, answer in answers.items():
        if isinstance(answer, int) and answer > LARGEST:
            yield problem("answer_too_large", f"/answers/{name}", basis, input=name)
    declared, covered = len(set(provinces)), answers.get(PROVINCES_INPUT)
    if isinstance(covered, int) and 0 <= covered < declared:
        yield problem("provinces_not_covered", f"/answers/{PROVINCES_INPUT}", basis, answer=covered, declared=declared)


def activity_faults(activities: Sequence[str], rules: Rules, basis: str) -> Iterator[Problem]:
    for index, activity in enumerate(activities):
        if activity not in rules.gates:
            yield problem("activity_unknown", f"/activities/{index}", basis, activity=activity)


def permit_faults(
    permits: Sequence[HeldPermit], activities: Sequence[str], rules: Rules, received_at: datetime, basis: str
) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, permit in enumerate(permits):
        gate = rules.gates.get(permit.gate)
        pointer = f"/held_permits/{index}"
        if gate is None or permit.gate not in activities or gate.requires is not GateRequires.PERMIT:
            yield problem("held_permit_unfit", f"{pointer}/gate", basis, gate=permit.gate)
        elif permit.gate in seen:
            yield problem("held_permit_twice", f"{pointer}/gate", gate.legal_basis, gate=permit.gate)
        elif permit.date > local_day(received_at):
            yield problem("held_permit_in_future", f"{pointer}/date", gate.legal_basis, date=permit.date)
        seen.add(permit.gate)


def farthest_start(received_at: datetime) -> datetime:
    return anniversary(received_at, FARTHEST_START_MONTHS)


def _plan_faults(dossier: Dossier, bench: Bench) -> Iterator[Problem]:
    farthest = farthest_start(bench.received_at)
    if dossier.planned_start > farthest:
        day = local_day(farthest).isoformat()
        yield problem("start_too_far", "/planned_start", bench.basis, day=day)
    rows = (row for (sector, _), row in bench.rules.policies.items() if sector == dossier.sector)
    longest = bench.row.max_duration_months if bench.certain else max(row.max_duration_months for row in rows)
    if dossier.duration_months > longest:
        yield problem("duration_too_long", "/duration_months", bench.basis, months=longest, tier=bench.row.tier)


def _bounded(envelope: Envelope) -> Envelope:
    """As much of the envelope as is judged: all that is wrong with an application must fit into one event."""
    return envelope.model_copy(update={name: getattr(envelope, name)[:most] for name, most in LONGEST.items()})


def _length_faults(given: Envelope, judged: Envelope, basis: str) -> Iterator[Problem]:
    for name, most in LONGEST.items():
        if len(getattr(given, name)) > len(getattr(judged, name)):
            yield problem("list_too_long", f"/envelope/{name}", basis, most=most)


def _envelope_faults(envelope: Envelope, bench: Bench) -> Iterator[Problem]:
    if envelope.version != 1:
        yield problem("envelope_version", "/envelope/version", bench.basis)
    if not envelope.sources:
        yield problem("sources_missing", "/envelope/sources", bench.basis)
    yield from _doubles(envelope.sources, "/envelope/sources", "source_twice", bench.basis)
    for index, cap in enumerate(envelope.caps):
        if cap.source not in envelope.sources:
            yield problem("source_undeclared", f"/envelope/caps/{index}/source", bench.basis, source=cap.source)
    codes = [threshold.code for threshold in envelope.thresholds]
    yield from _doubles(codes, "/envelope/thresholds", "threshold_twice", bench.basis)
    for index, threshold in enumerate(envelope.thresholds):
        yield from _threshold_faults(threshold, f"/envelope/thresholds/{index}", bench)


def _threshold_faults(threshold: Threshold, pointer: str, bench: Bench) -> Iterator[Problem]:
    metrics = bench.rules.metrics(bench.row.sector)
    for name in ("numerator", "denominator"):
        metric = getattr(threshold, name)
        if metric is not None and metric not in metrics:
            yield problem("threshold_unknown_metric", f"{pointer}/{name}", bench.basis, metric=metric)
    default = bench.rules.thresholds(bench.row.sector).get(threshold.code)
    if default is not None and not _as_strict(threshold, default):
        yield problem("threshold_looser", pointer, bench.basis, code=threshold.code, limit=plain(default.limit))


def _as_strict(threshold: Threshold, default: ThresholdDefault) -> bool:
    """An envelope may be stricter than a default, never looser; what is measured must stay the same."""
    same = ("numerator", "denominator", "scale", "window_hours")
    alike = all(getattr(threshold, name) == getattr(default, name) for name in same)
    return alike and threshold.limit <= default.limit and threshold.severity.rank >= default.severity.rank


def _cap_faults(dossier: Dossier, bench: Bench) -> Iterator[Problem]:
    caps = dossier.envelope.caps
    for fault in bench.rules.cap_faults(caps, dossier.sector, bench.row.tier if bench.certain else 3, dossier.answers):
        pointer = "/envelope/caps" if fault.index is None else f"/envelope/caps/{fault.index}{_FIELD[fault.why]}"
        yield problem(
            CAP_CODES[fault.why],
            pointer,
            bench.basis,
            metric=fault.metric,
            window=fault.window or "total | day | concurrent",
            maximum="" if fault.maximum is None else plain(fault.maximum),
            tier=bench.row.tier,
            allowed=fault.allowed_by_tier or "–",
        )


_FIELD = {
    "unknown_metric": "/metric",
    "not_cappable": "/metric",
    "wrong_window": "/window",
    "declared_twice": "",
    "over_maximum": "/limit",
}


def _safeguard_faults(safeguards: Safeguards, needed: Iterable[Document], basis: str) -> Iterator[Problem]:
    for document in needed:
        if document.code in ("age_rating", "insurance") and getattr(safeguards, document.code) is None:
            yield problem("safeguard_missing", f"/safeguards/{document.code}", basis, **_names(document))


def _document_faults(attached: Sequence[Attachment], needed: Iterable[Document], bench: Bench) -> Iterator[Problem]:
    given = {attachment.document for attachment in attached}
    for document in needed:
        if document.code not in given:
            yield problem("document_missing", "/attachments", bench.basis, **_names(document))
    for index, attachment in enumerate(attached):
        if attachment.document not in bench.rules.documents:
            pointer = f"/attachments/{index}/document"
            yield problem("document_unknown", pointer, bench.basis, document=attachment.document)


def _names(document: Document) -> dict[str, str]:
    return {"document": document.code, "name_vi": document.name_vi, "name_en": document.name_en}


def _doubles(values: Sequence[str], pointer: str, code: str, basis: str) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield problem(code, f"{pointer}/{index}", basis, value=value)
