"""Facts and ranks in words, Vietnamese and English."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.decisions.core.queue import Reason
from shared.contracts.http.decisions import RankReason
from shared.contracts.messages import text
from shared.contracts.messages.words import item_words, word
from shared.reference.calendar import VIETNAM

VI, EN = 0, 1
_INSTANT = ("%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M")

TOLD: dict[str, str] = {
    "ApplicationSubmitted": "told_application_submitted",
    "SupplementRequested": "told_supplement_requested",
    "SupplementFiled": "told_supplement_filed",
    "PilotRegistered": "told_pilot_registered",
    "PilotStarted": "told_pilot_started",
    "PilotStateChanged": "told_pilot_state_changed",
    "PilotAmended": "told_pilot_amended",
    "PilotWindingDown": "told_pilot_winding_down",
    "PilotEnded": "told_pilot_ended",
    "ReplyFiled": "told_reply_filed",
    "PeriodicReportFiled": "told_periodic_report_filed",
    "FinalReportFiled": "told_final_report_filed",
    "IncidentReported": "told_incident_reported",
    "DecisionApplied": "told_decision_applied",
    "DecisionNotApplied": "told_decision_not_applied",
    "FindingOpened": "told_finding_opened",
    "FindingEscalated": "told_finding_escalated",
    "FindingCleared": "told_finding_cleared",
    "InterimMeasureTaken": "told_measure_taken",
    "MetricsReportRejected": "told_metrics_report_rejected",
    "TipReceived": "told_tip_received",
    "ReferralReceived": "told_referral_received",
    "CaseOpened": "told_case_opened",
    "CaseClosed": "told_case_closed",
    "ItemOpened": "told_item_opened",
    "ItemResolved": "told_item_resolved",
    "ReplyRequested": "told_reply_requested",
    "CaseSupplementRequested": "told_case_supplement_requested",
    "RequestWithdrawn": "told_request_withdrawn",
    "ReportReviewed": "told_report_reviewed",
    "DecisionIssued": "told_decision_issued",
    "RemedyVerified": "told_remedy_verified",
    "MeasureConfirmed": "told_measure_confirmed",
    "MeasureLifted": "told_measure_lifted",
    "MeasureLapsed": "told_measure_lapsed",
}
"""The text that tells of each kind of fact; a kind without one is told by its name."""


_CODES = frozenset(
    {"kind", "rule", "severity", "reason", "state_before", "state_after", "cause", "outcome", "subject", "band"}
)
"""What is filled in as words rather than as the code that it is. An incident's kind is the enterprise's own and stays as it is."""


def told(kind: str, data: Mapping[str, Any]) -> tuple[str, str]:
    """A fact in words; what its data does not say is left open."""
    code = TOLD.get(kind)
    if code is None:
        return kind, kind
    found = text(code)
    said = {name: value for name, value in data.items() if name != "clock"}
    return found.vi.format_map(_filled(said, VI)), found.en.format_map(_filled(said, EN))


def ranked(reason: Reason) -> RankReason:
    """A reason of a rank in words; instants in Vietnamese as people in Vietnam read them, in English as ISO 8601 has them."""
    found = text(reason.code)
    vi, en = (_filled(reason.params, language) for language in (VI, EN))
    return RankReason(code=reason.code, vi=found.vi.format_map(vi), en=found.en.format_map(en))


def _filled(data: Mapping[str, Any], language: int) -> Mapping[str, Any]:
    """What fills a text of this language."""
    known: defaultdict[str, Any] = defaultdict(lambda: "–")
    known |= {name: _shown(name, value, language) for name, value in data.items() if value is not None}
    if isinstance(data.get("kind"), str) and isinstance(data.get("subject"), str):
        known["item"] = item_words(data["kind"], data["subject"], data.get("clock"))[language]
    return known


def _shown(name: str, value: object, language: int) -> object:
    if isinstance(value, datetime):
        return f"{value.astimezone(VIETNAM):{_INSTANT[language]}}"
    if name not in _CODES or not isinstance(value, str):
        return value
    parts = value.split("/") if name == "subject" else [value]
    return ", ".join(word(part)[language] for part in parts)
