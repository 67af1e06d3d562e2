"""A small world to attack: pilots in several states, a case with items, proposals on their way, a decision in force, dead letters.

It is made once for each test process, through the services' own doors, and kept as template databases; every test gets clones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.local.testing import create_database, drop_database
from shared.contracts.base import Meta
from shared.contracts.events import monitoring
from shared.contracts.topics import APPLICATIONS, MONITORING
from shared.platform.outcomes import Outcome
from tests import applications_kit as kit
from tests.edges.hosting import APIS, Caller, Edge, Setting, Wire, hosted, migrated, wire

NOW = kit.MONDAY
AUTHORITY = "prov_79_culture"
STARTUP = Caller("startup", "startup.a", org=kit.TAX_CODE)
RIVAL = Caller("startup", "startup.b", org="0398765432")
OFFICER = Caller("officer", "canbo.a", authority=AUTHORITY)
COLLEAGUE = Caller("officer", "canbo.b", authority=AUTHORITY)
STRANGER = Caller("officer", "canbo.c", authority="prov_01_culture")
SUPERVISOR = Caller("supervisor", "lanhdao.a", authority=AUTHORITY)
AUDITOR = Caller("auditor", "thanhtra.a")
OPS = Caller("ops", "vanhanh.a")
BY_ROLE = {one.role: one for one in (STARTUP, OFFICER, SUPERVISOR, AUDITOR, OPS, Caller("nobody"))}

_EXAMPLES = Path(__file__).parents[2] / "shared" / "contracts" / "examples"
_FINDINGS = {"major": UUID(int=1), "critical": UUID(int=2), "takedown": UUID(int=3), "tip": UUID(int=4)}


def fresh_key() -> dict[str, str]:
    """An ``Idempotency-Key`` that nobody used."""
    return {"Idempotency-Key": uuid4().hex}


@dataclass(frozen=True)
class World:
    """``templates`` are databases by service, ``ids`` what there is by the name of the parameter or field that would name it."""

    admin: str
    setting: Setting
    templates: Mapping[str, str]
    ids: Mapping[str, tuple[Any, ...]]

    def one(self, name: str, number: int = 0) -> Any:
        return self.ids[name][number]

    @contextmanager
    def edge(self, api: str) -> Iterator[Edge]:
        """The service ``api`` on a clone of its database, thrown away afterwards."""
        dsn = _cloned(self.admin, self.templates[api])
        try:
            with hosted(api, self.setting, dsn) as edge:
                yield edge
        finally:
            drop_database(self.admin, dsn)


@contextmanager
def made(admin: str, setting: Setting) -> Iterator[World]:
    """Make the world, and clear it away."""
    setting.clock_file.write_text(json.dumps({"now": NOW.isoformat()}))
    templates = {api: create_database(admin) for api in APIS}
    try:
        for api, dsn in templates.items():
            migrated(api, dsn)
        with ExitStack() as stack:
            edges = {api: stack.enter_context(hosted(api, setting, dsn)) for api, dsn in templates.items()}
            ids = _lived(edges)
        for dsn in templates.values():
            _closed(admin, dsn)
        yield World(admin, setting, templates, ids)
    finally:
        for dsn in templates.values():
            drop_database(admin, dsn)


def _closed(admin: str, template: str) -> None:
    """Let nobody in any more and end who is: a database with sessions cannot be cloned."""
    name = str(conninfo_to_dict(template)["dbname"])
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} allow_connections false").format(sql.Identifier(name)))
        # With a timeout given, it is waited until each session has ended.
        connection.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s", (name,))


def _cloned(admin: str, template: str) -> str:
    name, original = f"t_{uuid4().hex}", str(conninfo_to_dict(template)["dbname"])
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(original))
        )
    return make_conninfo(template, dbname=name)


def _lived(edges: Mapping[str, Edge]) -> dict[str, tuple[Any, ...]]:
    """What happens in the world, in its order; gives the ids of what there is afterwards."""
    applications, watch, desk = edges["applications"], edges["monitoring"], edges["decisions"]
    pilots = _applied(applications)
    code = _done(applications.ask("GET", f"/pilots/{pilots['running']}", STARTUP))["code"]
    for edge in (watch, desk):
        assert Outcome.POISON not in edge.hear(applications.published())
    _watched(watch, pilots["running"], code)
    told = _told(pilots["running"])
    assert set(desk.hear(told)) == {Outcome.DONE}
    decided = _decided(desk, pilots["running"])
    for edge in (applications, watch):
        edge.hear(desk.published())
    applications.hear(told)
    for edge, topic in ((applications, MONITORING), (watch, APPLICATIONS), (desk, APPLICATIONS)):
        assert edge.hear([_broken(topic.name)]) == [Outcome.POISON]
    requests = _done(applications.ask("GET", f"/pilots/{pilots['running']}", STARTUP))["requests"]
    return {
        "pilot_id": tuple(pilots.values()),
        **{name: (pilot_id,) for name, pilot_id in pilots.items()},
        "pilot": (code, pilots["running"]),
        "code": (code,),
        "answers": tuple(one["request_id"] for one in requests),
        "row_id": (1,),
        "authority": (AUTHORITY, STRANGER.authority),
        "source": ("main",),
        **decided,
    }


def _applied(edge: Edge) -> dict[str, str]:
    """Applications of every fate, and a first report; ids by what they are."""
    dossiers = {
        "running": (STARTUP, kit.dossier(provinces=("79",))),
        "pending": (STARTUP, kit.show()),
        "quiet": (STARTUP, kit.dossier(title="Xưởng thứ hai", provinces=("79",))),
        "incomplete": (STARTUP, kit.dossier(attachments=())),
        "lacking": (STARTUP, kit.dossier(attachments=())),
        "foreign": (RIVAL, kit.dossier(organisation={"name": "Công ty B", "tax_code": RIVAL.org}, provinces=("01",))),
    }
    pilots = {}
    for name, (who, dossier) in dossiers.items():
        filed = edge.ask("POST", "/applications", who, body=dossier.model_dump(mode="json"), headers=fresh_key())
        pilots[name] = _done(filed)["pilot_id"]
    draft = edge.ask("POST", "/drafts", STARTUP, body={"content": {"title": "Bản nháp"}})
    scrap = edge.ask("POST", "/drafts", STARTUP, body={"content": {"title": "Bản bỏ"}})
    report = {"number": 1, "summary": "Kỳ đầu."}
    url = f"/pilots/{pilots['running']}/periodic-reports"
    _done(edge.ask("POST", url, STARTUP, body=report, headers=fresh_key()))
    return {**pilots, "draft": _done(draft)["pilot_id"], "scrap": _done(scrap)["pilot_id"]}


def _watched(edge: Edge, pilot: str, code: str) -> None:
    """A report taken, a tip and a referral."""
    sample = {"metric": "participants_active", "at": (NOW + timedelta(seconds=1)).isoformat(), "value": 12}
    _done(edge.ask("POST", f"/pilots/{pilot}/reports", STARTUP, body={"samples": [sample]}, headers=fresh_key()))
    _done(edge.ask("POST", "/tips", body={"pilot": code, "text": "Quá đông."}))
    seen = {"pilot": code, "title": "Tin nhắn", "content_sha256": kit.HASH, "text": "Xem đoạn này."}
    _done(edge.ask("POST", "/referrals", STRANGER, body=seen))


def _told(pilot: str) -> list[Wire]:
    """What monitoring tells of a pilot, whether or not its engine found it."""
    findings = [
        _event("FindingOpened", pilot, finding_id=str(_FINDINGS[name]), severity=severity, **more)
        for name, severity, more in (
            ("major", "major", {"subject": "participants_active/concurrent"}),
            ("takedown", "major", {"rule": "incident", "subject": "incident/1"}),
            ("critical", "critical", {}),
            ("tip", "minor", {"rule": "tip", "subject": "tip/1"}),
        )
    ]
    measure = _event("InterimMeasureTaken", pilot, finding_id=str(_FINDINGS["critical"]))
    return [_event("RiskAssessed", pilot), *findings, measure]


def _event(name: str, pilot: str, **changes: object) -> Wire:
    example = json.loads((_EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))["data"]
    at = NOW + timedelta(hours=1)
    event = getattr(monitoring, name).model_validate({**example, "pilot_id": pilot, "at": at.isoformat(), **changes})
    event_id = uuid5(_FINDINGS["major"], json.dumps([name, changes], sort_keys=True))
    meta = Meta(id=event_id, type=event.type_name(), source="haukiem/monitoring", time=at, correlation_id="world")
    return wire(MONITORING.name, meta, event.key, event.data())


def _decided(edge: Edge, pilot: str) -> dict[str, tuple[Any, ...]]:
    """A case taken up, with a proposal in each of four states: draft, put to the enterprise, before the second signer, in force."""
    rows = _done(edge.ask("GET", "/queue", OFFICER))["rows"]
    case_id = next(row["case_id"] for row in rows if row["pilot_id"] == pilot)
    case = _done(edge.ask("POST", f"/cases/{case_id}/claim", OFFICER, headers=fresh_key()))
    items = {item["subject"]: item["item_id"] for item in case["items"]}
    proposals = [
        _proposed(edge, case, kind, items[subject], _FINDINGS[finding], submit=submit)
        for kind, subject, finding, submit in (
            ("warn", "tip/tip/1", "tip", False),
            ("order_correction", "cap_exceeded/participants_active/concurrent", "major", True),
            ("refer_sanction", "cap_exceeded/crowd_peak/concurrent", "critical", True),
            ("order_takedown", "incident/incident/1", "takedown", True),
        )
    ]
    assert [one["state"] for one in proposals] == ["draft", "awaiting_reply", "awaiting_second", "issued"]
    return {
        "case_id": (case_id, *(row["case_id"] for row in rows if row["case_id"] != case_id)),
        "item_id": tuple(items.values()),
        "report_item": (items["report/1"],),
        "tip_item": (items["tip/tip/1"],),
        "items": tuple(items.values()),
        "evidence": tuple(fact["event_id"] for fact in case["facts"] if fact["bindable"]),
        "finding_id": tuple(str(one) for one in _FINDINGS.values()),
        "measure_id": tuple(one["measure_id"] for one in case["measures"]),
        "kind": tuple(one["kind"] for one in case["options"]),
        "proposal_id": tuple(one["proposal_id"] for one in proposals),
        "together": tuple(one["proposal_id"] for one in proposals),
        "decision_id": (proposals[-1]["decision_id"],),
        "lifts": (proposals[-1]["decision_id"],),
    }


def _proposed(edge: Edge, case: Mapping[str, Any], kind: str, item: str, finding: UUID, *, submit: bool) -> Any:
    written = {
        "kind": kind,
        "items": [item],
        "reasons": "Lý do.",
        "public_reasons": "Lý do công khai.",
        "legal_bases": ["decree-144-2020"],
        "evidence": [fact["event_id"] for fact in case["facts"] if fact["about"] == str(finding)],
        "verdicts": [{"finding_id": str(finding), "verdict": "confirmed"}],
        "remedy_text": "Khắc phục." if kind.startswith("order_") else None,
    }
    url = f"/cases/{case['case_id']}/proposals"
    drafted = _done(edge.ask("POST", url, OFFICER, body=written, headers=fresh_key()))
    if not submit:
        return drafted
    url = f"/proposals/{drafted['proposal_id']}/submit"
    return _done(edge.ask("POST", url, OFFICER, body={}, headers=fresh_key()))


def _broken(topic: str) -> Wire:
    """A record that no consumer can read."""
    kind = (
        "haukiem.applications.PilotRegistered.v1" if topic == APPLICATIONS.name else "haukiem.monitoring.UsageRolled.v1"
    )
    meta = Meta(id=UUID(int=9), type=kind, source="haukiem/elsewhere", time=NOW, correlation_id="world")
    return wire(topic, meta, UUID(int=9), b"{")


def _done(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()
