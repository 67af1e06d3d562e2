"""Cases and pilots as lines for people. Pure: what a service answered comes in, lines of text go out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from deploy.cli.session import language
from shared.contracts.events.monitoring import Evidence
from shared.contracts.http.applications import CapLeft, DecisionRow, FindingRow, PilotView, RequestView
from shared.contracts.http.decisions import CaseView, DecisionView, FactView, ItemView, ProposalView, QueueRow
from shared.contracts.messages.words import item_words, word
from shared.contracts.numbers import plain
from shared.reference.calendar import VIETNAM

HASH_DIGITS = 12
"""How much of a hash is shown: enough to compare by eye; ``--json`` has it whole."""


def when(instant: datetime | None) -> str:
    """An instant in Vietnam's time, as the language writes it (ISO 8601 in English); empty for none."""
    form = "%d/%m/%Y %H:%M" if language() == "vi" else "%Y-%m-%d %H:%M"
    return "" if instant is None else f"{instant.astimezone(VIETNAM):{form}}"


def figure(value: Decimal | None) -> str:
    """A number with its thousands apart; empty for none."""
    if value is None:
        return ""
    whole, _, places = plain(value).partition(".")
    said = f"{int(whole):,}" + (f".{places}" if places else "")
    return said.translate(str.maketrans(",.", ".,")) if language() == "vi" else said


def said(code: str) -> str:
    """A code in words."""
    text = word(code)
    return text.vi if language() == "vi" else text.en


def subject(code: str) -> str:
    """What a finding is about, such as ``crowd_peak/concurrent``."""
    return ", ".join(said(part) for part in code.split("/"))


def counted(number: int, one: str, more: str) -> str:
    """``1 fact``, ``2 facts``."""
    return f"{number:,} {one if number == 1 else more}"


def _either(vi: str, en: str) -> str:
    return vi if language() == "vi" else en


def _item(item: ItemView) -> str:
    words = item_words(item.kind, item.subject)
    severity = f" ({said(item.severity)})" if item.severity else ""
    return _either(*words) + severity


# The queue


def queue_lines(place: int, row: QueueRow) -> Iterator[tuple[str, str]]:
    """Lines and their style: rather than a table, so that ids and reasons stay whole in a narrow terminal."""
    risk = "" if row.risk is None else f" · risk {row.risk:.2f}"
    holder = f" · claimed by {row.assignee}" if row.assignee else ""
    yield f"{place}. {row.title} · {row.pilot_code} · {said(row.pilot_state)}{holder}{risk}", "bold"
    yield "   " + " ".join(_either(reason.vi, reason.en) for reason in row.reasons), ""
    for item in row.items:
        if item.state == "open":
            yield f"   - {_item(item)}", ""
    yield f"   {row.code} · haukiem case {row.case_id}", "dim"


# A case


def case_head(found: CaseView) -> Iterator[str]:
    pilot = found.pilot
    yield f"{pilot.organisation.name} · {pilot.lead_authority} · tier {pilot.tier}"
    until = f", closed {when(found.closed_at)}" if found.closed_at else ""
    yield f"opened {when(found.opened_at)}{until}"
    for authority, sub in found.claims.items():
        yield f"claimed by {sub} ({authority})"
    if found.awaiting:
        yield "waits for: " + ", ".join(each.replace("_", " ") for each in found.awaiting)
    if found.snoozed_until:
        yield f"snoozed until {when(found.snoozed_until)}: {found.snooze_reason}"


def item_lines(found: CaseView) -> Iterator[str]:
    for item in found.items:
        due = ""
        if item.paused:
            due = " · its clock is paused"
        elif item.due is not None:
            late = item.overdue and item.state == "open"
            due = f" · {'overdue since' if late else 'due'} {when(item.due.instant)}"
        yield f"{_item(item)} · {item.state} · since {when(item.opened_at)}{due}"
        for fact in found.facts:
            if item.subject_id is not None and fact.about == item.subject_id and fact.data and "evidence" in fact.data:
                yield f"    {evidence(Evidence.model_validate(fact.data['evidence']))}"
                yield f"    {_proof(fact)}"
        if item.resolved_at is not None:
            yield f"    resolved {when(item.resolved_at)}: {said(item.resolution or '')}"


def evidence(of: Evidence) -> str:
    """What a finding stands on: values, limit and window, or the period in which nothing came."""
    parts = []
    if of.metric:
        parts.append(
            f"{of.metric} {figure(of.value)}" + (f", limit {figure(of.limit)}" if of.limit is not None else "")
        )
    elif of.numerator is not None:
        parts.append(f"{figure(of.numerator)} of {figure(of.denominator) or '–'}, limit {figure(of.limit)}")
    if of.window:
        parts.append(said(of.window) + (f" {of.bucket}" if of.bucket else ""))
    if of.window_hours:
        parts.append(f"over {of.window_hours} hours")
    if of.before is not None:
        parts.append(f"before this report {figure(of.before)}")
    if of.period_start:
        parts.append(f"nothing for {when(of.period_start)} to {when(of.period_end)}")
    if of.misses:
        parts.append(f"{counted(of.misses, 'period', 'periods')} in a row")
    if of.sample_at:
        parts.append(f"sample of {when(of.sample_at)}")
    if of.content:
        parts.append(of.content)
    if of.envelope_version is not None:
        parts.append(f"envelope {of.envelope_version}")
    return " · ".join(parts)


def _proof(fact: FactView) -> str:
    return f"{fact.type} of {when(fact.at)} · event {fact.event_id} · sha256 {fact.sha256[:HASH_DIGITS]}…"


def proposal_lines(found: CaseView) -> Iterator[str]:
    for one in found.proposals:
        if one.state != "issued":
            yield from _proposal(one)


def _proposal(one: ProposalView) -> Iterator[str]:
    yield f"{said(one.kind)} · {one.state.replace('_', ' ')} · drafted {when(one.drafted_at)} by {one.proposer}"
    if one.reply_by is not None and not one.reply_over:
        yield f"    the enterprise may reply until {when(one.reply_by.instant)}"
    yield f"    {one.reasons}"


def decision_lines(found: CaseView) -> Iterator[str]:
    facts = {fact.event_id: fact for fact in found.facts}
    told = {entry.event_id: _either(entry.vi, entry.en) for entry in found.timeline}
    for view in found.decisions:
        yield from _decision(view, facts, told)


def _decision(view: DecisionView, facts: Mapping[UUID, FactView], told: Mapping[UUID, str]) -> Iterator[str]:
    issued = view.decision
    signers = issued.proposer + (f" and {issued.second_signer}" if issued.second_signer else "")
    yield f"{issued.number} {said(issued.kind)} · {when(issued.at)} · {signers} · {view.effect.replace('_', ' ')}"
    yield f"    {issued.reasons}"
    yield f"    rests on {counted(len(issued.evidence), 'fact', 'facts')}" + (":" if issued.evidence else "")
    for bound in issued.evidence:
        fact = facts.get(bound.event_id)
        if fact is not None:
            yield f"      {when(fact.at)}  {told.get(bound.event_id, fact.type)}"
        yield f"        event {bound.event_id} · sha256 {bound.sha256[:HASH_DIGITS]}…"
    yield f"    haukiem replay {issued.decision_id}"


def timeline_lines(found: CaseView) -> Iterator[str]:
    for entry in found.timeline:
        yield f"{when(entry.at)}  {_either(entry.vi, entry.en)}"


# A pilot


def pilot_head(found: PilotView) -> Iterator[str]:
    yield f"{found.organisation.name} · {found.lead_authority} · tier {found.tier}"
    for cause in found.causes:
        yield f"  {said(cause.kind)} since {when(cause.since)}"
    yield f"starts {when(found.start_at)}, ends {when(found.end_at)} · {found.pilot_id}"
    if found.next is not None:
        by = f", {when(found.next.due)}" if found.next.due else ""
        who = {"officer": "an officer", "startup": "the enterprise", "nobody": "by itself"}[found.next.holder]
        yield f"next: {_either(found.next.text_vi, found.next.text_en)} ({who}{by})"


def cap_lines(caps: Iterable[CapLeft]) -> Iterator[str]:
    """Lines rather than a table: a season's revenue in VND three times over is wider than a terminal."""
    for cap in caps:
        name = f"{cap.metric}, {said(cap.window)}"
        if cap.value is None or cap.remaining is None:
            yield f"{name}: nothing reported, limit {figure(cap.limit)}"
            continue
        left = f"{figure(cap.remaining)} left" if cap.remaining >= 0 else f"{figure(-cap.remaining)} over"
        yield f"{name}: {figure(cap.value)} of {figure(cap.limit)} · {left}"


def request_lines(pilot_id: UUID, requests: Iterable[RequestView]) -> Iterator[str]:
    """What the enterprise has to answer."""
    for one in requests:
        if one.answered_at is None and one.withdrawn_at is None:
            what = f"reply to: {said(one.decision_kind)}" if one.decision_kind else one.kind
            yield f"{what} · asked {when(one.asked_at)} · due {when(one.due.instant)}"
            yield f"    {one.text}"
            yield f"    request {one.request_id} · answered with POST /pilots/{pilot_id}/replies"


def finding_lines(findings: Iterable[FindingRow]) -> Iterator[str]:
    for one in findings:
        cleared = f" · cleared {when(one.cleared_at)} ({said(one.clear_reason or '')})" if one.cleared_at else " · open"
        yield f"{when(one.opened_at)}  {said(one.severity)}: {said(one.rule)}, {subject(one.subject)}{cleared}"


def pilot_decision_lines(decisions: Iterable[DecisionRow]) -> Iterator[str]:
    for one in decisions:
        effect = "" if one.applied else f" · without effect: {one.why}"
        yield f"{when(one.at)}  {one.number} {said(one.kind)}: {one.public_reasons}{effect}"
        yield f"    haukiem replay {one.decision_id}"
