"""Facts and ranks in words, Vietnamese and English."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.decisions.core.queue import Reason
from shared.contracts.http.decisions import RankReason
from shared.contracts.messages import text
from shared.reference.calendar import VIETNAM

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
    "ReportReviewed": "told_report_reviewed",
    "DecisionIssued": "told_decision_issued",
    "RemedyVerified": "told_remedy_verified",
    "MeasureConfirmed": "told_measure_confirmed",
    "MeasureLifted": "told_measure_lifted",
    "MeasureLapsed": "told_measure_lapsed",
}
"""The text that tells of each kind of fact; a kind without one is told by its name."""


def told(kind: str, data: Mapping[str, Any]) -> tuple[str, str]:
    """A fact in words; what its data does not say is left open."""
    code = TOLD.get(kind)
    if code is None:
        return kind, kind
    known: defaultdict[str, Any] = defaultdict(lambda: "–", {k: v for k, v in data.items() if v is not None})
    found = text(code)
    return found.vi.format_map(known), found.en.format_map(known)


def ranked(reason: Reason) -> RankReason:
    """A reason of a rank in words; instants as people in Vietnam read them."""
    found = text(reason.code)
    params = {name: _shown(value) for name, value in reason.params.items()}
    return RankReason(code=reason.code, vi=found.vi.format(**params), en=found.en.format(**params))


def _shown(value: object) -> object:
    return f"{value.astimezone(VIETNAM):%d/%m/%Y %H:%M}" if isinstance(value, datetime) else value
