"""Dossiers, laws and pilots for the tests of the service applications, from the project's own reference data."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from services.applications.core import admission, history
from services.applications.core.admission import Law
from services.applications.core.model import Pilot, Standing
from shared.contracts.events.applications import PilotRegistered
from shared.contracts.events.decisions import DecisionIssued, MadeUpon
from shared.contracts.pilot import (
    Attachment,
    Cap,
    Contact,
    Dossier,
    Envelope,
    HeldPermit,
    Organisation,
    PilotState,
    Safeguards,
    Window,
)
from shared.reference import load
from shared.reference.calendar import VIETNAM, Calendar
from shared.reference.rows import Rules, RuleSet

MONDAY = datetime(2026, 7, 6, 9, 0, tzinfo=VIETNAM)
"""A receipt: Monday 6 July 2026, 09:00. Five working days from then end on Monday 13 July at 24:00."""
START = datetime(2026, 7, 14, tzinfo=VIETNAM)
END = datetime(2027, 7, 14, tzinfo=VIETNAM)
PILOT_ID = UUID(int=7)
TAX_CODE = "0312345678"
HASH = "0" * 64
ZERO_ANSWERS: dict[str, str | int] = {
    "minors_mode": "none",
    "data_class": "none",
    "money_mode": "free",
    "participants_cap": 100,
    "crowd_cap": 0,
    "foreign_mode": "none",
    "heritage_class": "none",
    "content_class": "ordinary",
    "ai_mode": "none",
    "provinces_cap": 1,
    "physical_mode": "none",
}
"""The answers that no criterion objects to: tier 1."""


@cache
def rule_set() -> RuleSet:
    return load.load()


@cache
def calendar() -> Calendar:
    return load.load_calendar()


def rules(day: date = date(2026, 7, 6)) -> Rules:
    return rule_set().on(day)


def law(day: date = date(2026, 7, 6)) -> Law:
    return Law(rules(day), calendar())


def attachment(document: str) -> Attachment:
    return Attachment(document=document, name=f"{document}.pdf", size=1000, sha256=HASH)


def cap(metric: str, limit: int, window: Window = Window.CONCURRENT, **more: Any) -> Cap:
    return Cap(metric=metric, window=window, limit=Decimal(limit), **more)


def dossier(**changes: Any) -> Dossier:
    """A design studio's online workshop: tier 1, starts on registration, nothing wrong with it."""
    plain: dict[str, Any] = {
        "organisation": Organisation(name="Công ty TNHH Thử", tax_code=TAX_CODE),
        "contact": Contact(name="Nguyễn An", email="an@example.vn"),
        "title": "Xưởng thiết kế mở",
        "sector": "creative_design",
        "provinces": ("01",),
        "objectives": "Thử mô hình xưởng mở.",
        "hypothesis": "Nhiều người tham gia hơn.",
        "planned_start": MONDAY,
        "duration_months": 12,
        "answers": dict(ZERO_ANSWERS),
        "envelope": Envelope(
            caps=(
                cap("participants_active", 100, reported=True),
                cap("provinces_covered", 1),
                cap("revenue_vnd", 1_000_000_000, Window.TOTAL),
            )
        ),
        "safeguards": Safeguards(disclosure="Thông báo cho người tham gia.", complaint_channel="1800 0000"),
        "exit_plan": "Trả lại dữ liệu, hoàn tiền.",
        "attachments": (attachment("disclosure"), attachment("complaint_channel")),
    }
    return Dossier(**(plain | changes))


def show(**changes: Any) -> Dossier:
    """A theatre with demand-based prices, as in the demo: tier 2 by its crowd, its gate satisfied by a held permit, standstill."""
    stage: dict[str, Any] = {
        "title": "Vé động theo nhu cầu",
        "sector": "performing_arts",
        "provinces": ("79",),
        "planned_start": START,
        "answers": ZERO_ANSWERS | {"money_mode": "licensed_payment", "participants_cap": 1400, "crowd_cap": 1400},
        "activities": ("show_live_other",),
        "held_permits": (
            HeldPermit(gate="show_live_other", number="12/GP", date=date(2026, 5, 4), issuer="UBND TP. Hồ Chí Minh"),
        ),
        "envelope": Envelope(
            caps=(
                cap("crowd_peak", 1400, critical=True, reported=True),
                cap("participants_active", 1400),
                cap("provinces_covered", 1),
                cap("revenue_vnd", 900_000_000_000, Window.TOTAL, reported=True),
            )
        ),
        "attachments": tuple(
            attachment(name)
            for name in ("disclosure", "complaint_channel", "rights_proof", "safety_plan", "gate_permit")
        ),
    }
    return dossier(**(stage | changes))


def permit_show(**changes: Any) -> Dossier:
    """The same without its permit: the gate asks the People's Committee for one."""
    documents = ("disclosure", "complaint_channel", "rights_proof", "safety_plan")
    return show(**({"held_permits": (), "attachments": tuple(map(attachment, documents))} | changes))


def registration(filed: Dossier | None = None, now: datetime = MONDAY, pilot_id: UUID = PILOT_ID) -> PilotRegistered:
    """The registration of a dossier that is in order."""
    _, events = admission.receive(pilot_id, "HK-G16-26-000001", filed or show(), Standing(), law(), now)
    event = events[-1]
    assert isinstance(event, PilotRegistered), event
    return event


def pilot(filed: Dossier | None = None) -> Pilot:
    """The pilot of a dossier at its registration: pending."""
    return history.registered(registration(filed))


def decision(kind: str, at: datetime, *, decision_id: UUID | None = None, **more: Any) -> DecisionIssued:
    """A decision of this kind, as issued at ``at``; what it says beside its kind matters to nobody here."""
    said: dict[str, Any] = {
        "at": at,
        "pilot_id": PILOT_ID,
        "case_id": UUID(int=1),
        "decision_id": decision_id or UUID(int=100),
        "number": "1/QĐ-HK",
        "kind": kind,
        "authority": "prov_79_culture",
        "items": (),
        "reasons": "Lý do.",
        "public_reasons": "Lý do công khai.",
        "legal_bases": (),
        "evidence": (),
        "evidence_hash": HASH,
        "rule_set": HASH,
        "proposer": "canbo.a",
        "made_upon": MadeUpon(state=PilotState.ACTIVE, causes=(), envelope_version=1),
        "previous_hash": HASH,
        "hash": HASH,
    }
    return DecisionIssued(**(said | more))


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
