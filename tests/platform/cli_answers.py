"""What the services answer about one case and one pilot, as JSON, for tests of the command line."""

from __future__ import annotations

from typing import Any

PILOT = "0198f000-0000-7000-8000-000000000001"
FINDING = "0198f000-0000-7000-8000-000000000101"
OPENED = "0198f000-0000-7000-8000-000000000102"
DECISION = "0198f000-0000-7000-8000-000000000103"
REQUEST = "0198f000-0000-7000-8000-000000000104"
CULTURE = "prov_79_culture"
AT = "2026-07-19T23:00:00+07:00"
LATER = "2026-07-21T15:00:00+07:00"
DUE = {"instant": "2026-07-23T00:00:00+07:00", "calendar_version": "2026.1", "provisional": False}
OPENED_SHA = "f21a1d4416a8" + "0" * 52
ORGANISATION = {"name": "Công ty Rent", "tax_code": "0319900006"}
LINE: dict[str, Any] = {
    "code": "HK-G16-26-000001", "title": "Rent", "organisation": ORGANISATION, "sector": "performing_arts", "tier": 2,
    "provinces": ["79"], "lead_authority": CULTURE, "state": "restricted",
}  # fmt: skip
EVIDENCE = {
    "rule_version": "1", "envelope_version": 1, "metric": "crowd_peak", "window": "concurrent", "sample_at": AT,
    "value": "1232", "limit": "1222",
}  # fmt: skip


def register_entry(code: str) -> dict[str, Any]:
    return LINE | {
        "code": code, "pilot_id": PILOT, "registered_at": AT, "decisions": 0, "objectives": "x", "hypothesis": "x", "caps": [],
        "held_permits": [], "issued": [],
    }  # fmt: skip


def decision() -> dict[str, Any]:
    """A decision that rests on the opening of the finding."""
    issued = {
        "at": LATER, "pilot_id": PILOT, "case_id": FINDING, "decision_id": DECISION, "number": "5/QĐ-HK",
        "kind": "confirm_measure", "authority": CULTURE, "items": [], "reasons": "Vượt số chỗ.", "public_reasons": "Vượt số chỗ.",
        "legal_bases": [], "evidence": [{"event_id": OPENED, "sha256": OPENED_SHA}], "evidence_hash": "0" * 64,
        "rule_set": "0" * 64, "proposer": "lan", "second_signer": "minh", "previous_hash": "0" * 64, "hash": "1" * 64,
        "made_upon": {"state": "restricted", "causes": [], "envelope_version": 1},
    }  # fmt: skip
    return {"decision": issued, "event_id": DECISION, "sha256": "2" * 64, "effect": "applied"}


def case_view(case_id: str, code: str, **changed: Any) -> dict[str, Any]:
    """A case with one finding over the cap and one decision."""
    item = {
        "item_id": case_id, "kind": "finding", "subject": "cap_exceeded/crowd_peak/concurrent", "subject_id": FINDING,
        "severity": "critical", "clock": "case_critical", "due": DUE, "overdue": True, "authority": CULTURE, "state": "open",
        "opened_at": AT,
    }  # fmt: skip
    fact = {
        "event_id": OPENED, "type": "FindingOpened", "at": AT, "sha256": OPENED_SHA, "about": FINDING, "bindable": True,
        "data": {"evidence": EVIDENCE},
    }  # fmt: skip
    told = {"at": AT, "event_id": OPENED, "what": "FindingOpened", "vi": "Phát hiện.", "en": "Finding, critical."}
    pilot = LINE | {
        "pilot_id": PILOT, "authorities": [CULTURE], "causes": [], "envelope_version": 1,
    }  # fmt: skip
    record = {
        "organisation": ORGANISATION, "pilots": [], "decisions": {}, "findings_confirmed": 0, "findings_rejected": 0,
        "measures": {}, "open_cases": 1,
    }  # fmt: skip
    return {
        "case_id": case_id, "code": code, "state": "claimed", "opened_at": AT, "claims": {CULTURE: "lan"}, "pilot": pilot,
        "items": [item], "measures": [], "proposals": [], "decisions": [decision()], "replies": [], "facts": [fact],
        "timeline": [told], "record": record,
    } | changed  # fmt: skip


def pilot_view(**changed: Any) -> dict[str, Any]:
    """A restricted pilot with a cap exceeded, an open request, a finding and a decision."""
    caps = [
        {"metric": "revenue_vnd", "window": "total", "limit": "1460574675000", "value": "1489888450000",
         "remaining": "-29313775000"},
        {"metric": "crowd_peak", "window": "concurrent", "limit": "1222", "value": "1100", "remaining": "122"},
        {"metric": "participants_active", "window": "concurrent", "limit": "1222"},
    ]  # fmt: skip
    return LINE | {
        "pilot_id": PILOT, "received_at": AT, "objectives": "x", "hypothesis": "x", "planned_start": AT, "duration_months": 12,
        "criteria": [], "start_mode": "standstill", "authorities": [CULTURE], "gates": [],
        "causes": [{"kind": "measure", "ref": FINDING, "since": AT}], "envelope": {"caps": []}, "caps": caps,
        "start_at": AT, "end_at": LATER,
        "next": {"what": "reply", "text_vi": "Doanh nghiệp giải trình.", "text_en": "The enterprise replies.", "holder": "startup"},
        "requests": [{"request_id": REQUEST, "kind": "reply", "decision_kind": "adjust", "text": "Giới hạn mới.", "asked_at": AT,
                      "due": DUE}],
        "findings": [{"finding_id": FINDING, "rule": "cap_exceeded", "subject": "crowd_peak/concurrent", "severity": "critical",
                      "opened_at": AT}],
        "decisions": [{"decision_id": DECISION, "number": "5/QĐ-HK", "kind": "confirm_measure", "authority": CULTURE, "at": LATER,
                       "public_reasons": "Vượt số chỗ.", "applied": True}],
    } | changed  # fmt: skip
