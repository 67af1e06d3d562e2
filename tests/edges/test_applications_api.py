"""The routes of applications: who may, what is answered, what is sent twice, and what is none of the caller's business."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from anyio.from_thread import start_blocking_portal

from deploy.local.testing import create_database, drop_database
from shared.contracts.base import Meta
from shared.contracts.errors import problem
from shared.contracts.events.decisions import CaseSupplementRequested, MeasureLapsed, ReplyRequested, RequestWithdrawn
from shared.contracts.events.monitoring import Evidence, InterimMeasureTaken, MetricsReportRejected
from shared.contracts.pilot import Severity
from shared.contracts.topics import DECISIONS, MONITORING
from shared.platform.outcomes import Outcome
from tests import applications_kit as kit
from tests.edges.hosting import NOBODY, Caller, Edge, Setting, Wire, hosted, migrated, wire
from tests.platform.issuer import Issuer

STARTUP = Caller("startup", "startup.a", org=kit.TAX_CODE)
RIVAL = Caller("startup", "startup.b", org="0398765432")
NAMELESS = Caller("startup", "startup.c")
OFFICER = Caller("officer", "canbo.a", authority="prov_79_culture")
COMMITTEE = Caller("officer", "canbo.b", authority="prov_79_pc")
STRANGER = Caller("officer", "canbo.c", authority="prov_01_culture")
HOMELESS = Caller("officer", "canbo.d")
AUDITOR = Caller("auditor", "thanhtra.a")
OPS = Caller("ops", "vanhanh.a")
DOSSIER = kit.show().model_dump(mode="json")


@pytest.fixture(scope="module")
def edge(postgres_admin_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The service without its background tasks. It needs no Kafka: what it publishes lies in the outbox, what it hears is handed to
    its consumer."""
    clock = tmp_path_factory.mktemp("applications") / "clock.json"
    clock.write_text(json.dumps({"now": kit.MONDAY.isoformat()}))
    dsn = create_database(postgres_admin_dsn)
    migrated("applications", dsn)
    with start_blocking_portal() as portal:
        setting = Setting(portal=portal, kafka="127.0.0.1:1", metrics="", clock_file=clock, issuer=Issuer())
        with hosted("applications", setting, dsn) as edge:
            yield edge
    drop_database(postgres_admin_dsn, dsn)


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


def file(edge: Edge, **changes: Any) -> dict[str, Any]:
    answer = edge.ask("POST", "/applications", STARTUP, body=DOSSIER | changes, headers=key())
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def filed(edge: Edge) -> dict[str, Any]:
    return file(edge)


@pytest.fixture(scope="module")
def running(edge: Edge) -> str:
    """A pilot that started with its registration."""
    answer = edge.ask("POST", "/applications", STARTUP, body=kit.dossier().model_dump(mode="json"), headers=key())
    return str(answer.json()["pilot_id"])


# Filing


def test_a_dossier_is_answered_at_once_with_all_that_binds(filed: dict[str, Any]) -> None:
    assert filed["status"] == "registered"
    assert filed["tier"] == 2
    assert filed["start_at"] == "2026-07-14T00:00:00+07:00"
    assert filed["authorities"] == ["prov_79_culture", "prov_79_pc"]


def test_the_same_key_gives_the_same_answer_for_ever_and_another_body_is_refused(edge: Edge) -> None:
    once = key()
    first = edge.ask("POST", "/applications", STARTUP, body=DOSSIER, headers=once)
    again = edge.ask("POST", "/applications", STARTUP, body=DOSSIER, headers=once)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = edge.ask("POST", "/applications", STARTUP, body=DOSSIER | {"title": "Khác"}, headers=once)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


def test_many_at_once_with_one_key_are_one_application(edge: Edge) -> None:
    once = key()
    before = len(edge.published())
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: edge.ask("POST", "/applications", STARTUP, body=DOSSIER, headers=once), range(8))
        )
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len(edge.published()) == before + 2


def test_what_was_refused_may_be_mended_and_sent_under_the_same_key(edge: Edge) -> None:
    once = key()
    wrong = edge.ask("POST", "/applications", STARTUP, body=DOSSIER | {"titel": "?"}, headers=once)
    assert wrong.status_code == 422
    assert edge.ask("POST", "/applications", STARTUP, body=DOSSIER, headers=once).status_code == 201


def test_a_key_may_be_used_again_for_another_pilot(edge: Edge) -> None:
    once, body = key(), {"reason": "Đổi ý"}
    for _ in range(2):
        pilot_id = file(edge)["pilot_id"]
        answer = edge.ask("POST", f"/pilots/{pilot_id}/withdraw", STARTUP, body=body, headers=once)
        assert (answer.status_code, answer.json()["pilot_id"]) == (201, pilot_id)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"titel": "?"}, "/titel"),
        ({"envelope": DOSSIER["envelope"] | {"capz": []}}, "/envelope/capz"),
        (
            {"envelope": DOSSIER["envelope"] | {"caps": [{**DOSSIER["envelope"]["caps"][0], "limt": 1}]}},
            "/envelope/caps/0/limt",
        ),
        ({"contact": {"name": "A", "email": "nobody"}}, "/contact/email"),
        ({"planned_start": "2026-07-14T00:00:00"}, "/planned_start"),
        ({"duration_months": 0}, "/duration_months"),
        ({"provinces": []}, "/provinces"),
        ({"answers": {"Not A Code": 1}}, "/answers/Not A Code"),
        ({"organisation": None}, "/organisation"),
    ],
)
def test_a_slip_at_any_depth_is_located_in_both_languages(edge: Edge, changes: dict[str, Any], pointer: str) -> None:
    answer = edge.ask("POST", "/applications", STARTUP, body=DOSSIER | changes, headers=key())
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    (problem,) = answer.json()["errors"]
    assert problem["pointer"] == pointer
    assert problem["vi"] != problem["en"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"{", 400), (b"[]", 422), (b"null", 422), (b"\xff\xfe", 400), (b'"' + b"x" * 800_000 + b'"', 413)],
)
def test_garbage_is_refused_with_a_reason(edge: Edge, content: bytes, status: int) -> None:
    headers = key() | {"Content-Type": "application/json"}
    answer = edge.ask("POST", "/applications", STARTUP, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"]


def test_a_dossier_that_is_wrong_in_every_way_still_fits_into_an_event(edge: Edge) -> None:
    cap = {"metric": "luck", "window": "day", "limit": "1", "source": "nowhere"}
    threshold = {"code": "x", "numerator": "luck", "window_hours": 1, "limit": "1"}
    envelope = {"caps": [cap] * 5000, "sources": ["a"] * 3000, "thresholds": [threshold] * 1500, "version": 2}
    attachments = [{"document": "horoscope", "name": "x", "size": 1, "sha256": kit.HASH}] * 200
    answers = {f"q{n}": n for n in range(100)}
    wrong = {"envelope": envelope, "attachments": attachments, "answers": answers, "activities": ["juggling"] * 100}
    filed = file(edge, **wrong)
    assert filed["status"] == "supplement_requested"
    assert {"list_too_long", "cap_unknown_metric", "source_twice", "threshold_twice", "document_unknown"} <= {
        problem["code"] for problem in filed["problems"]
    }


def test_a_supplement_completes_the_application(edge: Edge) -> None:
    asked = file(edge, attachments=[])
    assert asked["supplement_due"]["instant"] == "2026-08-06T00:00:00+07:00"
    url = f"/applications/{asked['pilot_id']}"
    mended = edge.ask("POST", f"{url}/supplement", STARTUP, body=DOSSIER, headers=key())
    assert (mended.status_code, mended.json()["status"]) == (201, "registered")
    refused = edge.ask("POST", f"{url}/withdraw", STARTUP, body={"reason": "Đổi ý"})
    assert (refused.status_code, refused.json()["code"]) == (409, "application_registered")


def test_an_open_application_can_be_withdrawn(edge: Edge) -> None:
    asked = file(edge, attachments=[])
    answer = edge.ask("POST", f"/applications/{asked['pilot_id']}/withdraw", STARTUP, body={"reason": "Đổi ý"})
    assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
    shown = edge.ask("GET", f"/applications/{asked['pilot_id']}", STARTUP).json()
    assert (shown["status"], shown["withdrawn_reason"]) == ("withdrawn", "Đổi ý")


def test_a_draft_grows_into_an_application(edge: Edge) -> None:
    begun = edge.ask("POST", "/drafts", STARTUP, body={"content": {"title": "Nháp"}})
    assert begun.status_code == 201
    url = f"/drafts/{begun.json()['pilot_id']}"
    assert edge.ask("PUT", url, STARTUP, body={"content": DOSSIER}).json()["problems"] == []
    assert edge.ask("GET", url, RIVAL).status_code == 404
    once = key()
    first = edge.ask("POST", f"{url}/submit", STARTUP, headers=once)
    again = edge.ask("POST", f"{url}/submit", STARTUP, headers=once)
    assert (first.status_code, first.content) == (201, again.content)
    assert edge.ask("GET", url, STARTUP).json()["content"] == DOSSIER


def test_a_draft_is_thrown_away_by_its_own_alone_and_not_once_it_was_submitted(edge: Edge) -> None:
    begun = edge.ask("POST", "/drafts", STARTUP, body={"content": {"title": "Nháp"}})
    url = f"/drafts/{begun.json()['pilot_id']}"
    assert edge.ask("DELETE", url, RIVAL).status_code == 404
    gone = edge.ask("DELETE", url, STARTUP)
    assert (gone.status_code, gone.json()["content"]) == (200, {"title": "Nháp"})
    assert [edge.ask(method, url, STARTUP).status_code for method in ("GET", "DELETE")] == [404, 404]
    kept = edge.ask("POST", "/drafts", STARTUP, body={"content": DOSSIER}).json()["pilot_id"]
    assert edge.ask("POST", f"/drafts/{kept}/submit", STARTUP, headers=key()).status_code == 201
    assert edge.ask("DELETE", f"/drafts/{kept}", STARTUP).status_code == 409
    assert edge.ask("GET", f"/drafts/{kept}", STARTUP).status_code == 200


def test_a_startup_whose_token_names_no_enterprise_may_do_nothing(edge: Edge, filed: dict[str, Any]) -> None:
    assert edge.ask("POST", "/applications", NAMELESS, body=DOSSIER, headers=key()).status_code == 403
    assert edge.ask("POST", "/drafts", NAMELESS, body={"content": {}}).status_code == 403
    assert edge.ask("GET", "/pilots", NAMELESS).status_code == 403
    assert edge.ask("GET", f"/pilots/{filed['pilot_id']}", NAMELESS).status_code == 403


# Whose business it is


@pytest.mark.parametrize("kind", ["applications", "pilots"])
@pytest.mark.parametrize(
    ("who", "status"),
    [
        (STARTUP, 200),
        (RIVAL, 404),
        (OFFICER, 200),
        (COMMITTEE, 200),
        (STRANGER, 404),
        (HOMELESS, 403),
        (AUDITOR, 200),
        (OPS, 403),
        (NOBODY, 401),
    ],
    ids=lambda value: value.sub if isinstance(value, Caller) else str(value),
)
def test_reading_is_for_the_enterprise_its_authorities_and_auditors(
    edge: Edge, filed: dict[str, Any], kind: str, who: Caller, status: int
) -> None:
    pilot_id = filed["pilot_id"]
    assert edge.ask("GET", f"/{kind}/{pilot_id}", who).status_code == status
    if kind == "pilots":
        assert edge.ask("GET", f"/pilots/{pilot_id}/history", who).status_code == status
    listed = edge.ask("GET", f"/{kind}?limit=200", who)
    seen = [row["pilot_id"] for row in listed.json().get("items", [])]
    assert (pilot_id in seen) is (status == 200)


ACTS: list[tuple[str, dict[str, Any]]] = [
    ("withdraw", {"reason": "Đổi ý"}),
    ("replies", {"answers": str(UUID(int=1)), "text": "…"}),
    ("incidents", {"known_at": kit.MONDAY.isoformat(), "kind": "…", "description": "…"}),
    ("periodic-reports", {"number": 1, "summary": "…"}),
]


@pytest.mark.parametrize(("act", "body"), ACTS)
def test_nobody_acts_on_anothers_pilot(edge: Edge, running: str, act: str, body: dict[str, Any]) -> None:
    url = f"/pilots/{running}/{act}"
    assert edge.ask("POST", url, RIVAL, body=body, headers=key()).status_code == 404
    assert edge.ask("POST", url, OFFICER, body=body, headers=key()).status_code == 403
    assert edge.ask("POST", url, STARTUP, body=body).json()["code"] == "idempotency_key_missing"
    unknown = edge.ask("POST", f"/pilots/{uuid4()}/{act}", STARTUP, body=body, headers=key())
    assert unknown.status_code == 404


# A running pilot


def test_lists_go_page_by_page_newest_first(edge: Edge) -> None:
    ids = [file(edge)["pilot_id"] for _ in range(3)]
    first = edge.ask("GET", "/pilots?limit=2", STARTUP).json()
    assert [row["pilot_id"] for row in first["items"]] == [ids[2], ids[1]]
    second = edge.ask("GET", f"/pilots?limit=2&cursor={first['next']}", STARTUP).json()
    assert second["items"][0]["pilot_id"] == ids[0]
    pending = edge.ask("GET", "/pilots?state=pending&limit=200", STARTUP).json()["items"]
    assert {row["state"] for row in pending} == {"pending"}
    refused = edge.ask("GET", "/applications?status=refused", STARTUP).json()
    assert refused == {"items": [], "next": None}


def test_what_the_enterprise_reports_is_taken_and_refused_by_its_own_rules(edge: Edge, running: str) -> None:
    url = f"/pilots/{running}"
    now = kit.MONDAY.isoformat()
    body = {"known_at": now, "kind": "Ngã", "description": "…"}
    incident = edge.ask("POST", f"{url}/incidents", STARTUP, body=body, headers=key())
    assert (incident.status_code, incident.json()["late"]) == (201, False)
    periodic = edge.ask("POST", f"{url}/periodic-reports", STARTUP, body={"number": 1, "summary": "…"}, headers=key())
    assert periodic.json()["due"] == "2027-01-06T09:00:00+07:00"
    codes = ["creativity", "identity", "uniqueness", "professionalism", "healthiness", "competition", "sustainability"]
    criteria = [{"code": code, "score": 3, "evidence": "…"} for code in codes]
    slip = {"results": "…", "criteria": [*criteria[:6], criteria[6] | {"scor": 3}]}
    refused = edge.ask("POST", f"{url}/final-report", STARTUP, body=slip, headers=key())
    assert [problem["pointer"] for problem in refused.json()["errors"]] == ["/criteria/6/scor"]
    final = edge.ask("POST", f"{url}/final-report", STARTUP, body={"results": "…", "criteria": criteria}, headers=key())
    assert (final.status_code, final.json()["in_time"]) == (201, True)
    page = edge.ask("GET", url, STARTUP).json()
    assert [duty["done_at"] is not None for duty in page["duties"]] == [True, True]
    history = edge.ask("GET", f"{url}/history?limit=200", STARTUP).json()["items"]
    assert [entry["type"].split(".")[2] for entry in history][-3:] == [
        "IncidentReported",
        "PeriodicReportFiled",
        "FinalReportFiled",
    ]


# What the others tell


def heard(topic: str, event: Any) -> Wire:
    meta = Meta(id=uuid4(), type=event.type_name(), source="haukiem/test", time=event.at, correlation_id="test")
    return wire(topic, meta, event.key, event.data())


def test_a_measure_and_its_lapse_move_the_pilot_and_a_record_heard_twice_once(edge: Edge) -> None:
    answer = edge.ask("POST", "/applications", STARTUP, body=kit.dossier().model_dump(mode="json"), headers=key())
    pilot_id, measure_id = UUID(answer.json()["pilot_id"]), uuid4()
    about: dict[str, Any] = {"at": kit.MONDAY, "pilot_id": pilot_id, "measure_id": measure_id, "finding_id": uuid4()}
    taken = InterimMeasureTaken(**about, severity=Severity.CRITICAL, evidence=Evidence(rule_version="1"))
    record = heard(MONITORING.name, taken)
    assert edge.hear([record, record]) == [Outcome.DONE, Outcome.DUPLICATE]
    page = edge.ask("GET", f"/pilots/{pilot_id}", STARTUP).json()
    assert (page["state"], page["causes"][0]["ref"]) == ("restricted", str(measure_id))
    assert edge.hear([heard(DECISIONS.name, MeasureLapsed(**about))]) == [Outcome.DONE]
    assert edge.ask("GET", f"/pilots/{pilot_id}", STARTUP).json()["state"] == "active"


def test_a_request_is_shown_with_its_date_and_a_reply_closes_it(edge: Edge, running: str) -> None:
    due = {"instant": "2026-07-14T00:00:00+07:00", "calendar_version": "v"}
    asked = ReplyRequested.model_validate(
        {
            "at": kit.MONDAY,
            "pilot_id": running,
            "case_id": uuid4(),
            "proposal_id": uuid4(),
            "kind": "suspend",
            "public_reasons": "Vượt trần.",
            "reply_by": due,
        }
    )
    assert edge.hear([heard(DECISIONS.name, asked)]) == [Outcome.DONE]
    page = edge.ask("GET", f"/pilots/{running}", STARTUP).json()
    assert (page["next"]["what"], page["next"]["holder"]) == ("reply", "startup")
    body = {"answers": str(asked.proposal_id), "text": "Giải trình."}
    assert edge.ask("POST", f"/pilots/{running}/replies", STARTUP, body=body, headers=key()).status_code == 201
    (request,) = edge.ask("GET", f"/pilots/{running}", STARTUP).json()["requests"]
    assert request["answered_at"] is not None


def test_a_request_that_nobody_waits_for_any_more_is_nobodys_next_step_and_takes_no_reply(
    edge: Edge, running: str
) -> None:
    due = {"instant": "2026-07-14T00:00:00+07:00", "calendar_version": "v"}
    about = {"at": kit.MONDAY, "pilot_id": running, "case_id": uuid4(), "request_id": uuid4()}
    asked = CaseSupplementRequested.model_validate({**about, "text": "Gửi sơ đồ ghế.", "due": due})
    gone = RequestWithdrawn.model_validate({**about, "reason": "case_closed"})
    assert edge.hear([heard(DECISIONS.name, event) for event in (asked, gone)]) == [Outcome.DONE, Outcome.DONE]
    page = edge.ask("GET", f"/pilots/{running}", STARTUP).json()
    assert "case_supplement" not in {step["what"] for step in page["steps"]}
    assert "case_supplement" not in {duty["kind"] for duty in page["duties"]}
    body = {"answers": str(asked.request_id), "text": "Sơ đồ."}
    refused = edge.ask("POST", f"/pilots/{running}/replies", STARTUP, body=body, headers=key())
    assert (refused.status_code, refused.json()["code"]) == (409, "request_withdrawn")


def test_a_rejected_report_is_shown_with_what_was_wrong_with_it(edge: Edge, running: str) -> None:
    wrong = problem("invalid_json", place="1:1")
    rejected = MetricsReportRejected(
        at=kit.MONDAY, pilot_id=UUID(running), source="main", sequence=3, record_sha256=kit.HASH, problems=(wrong,)
    )
    assert edge.hear([heard(MONITORING.name, rejected)]) == [Outcome.DONE]
    (shown,) = edge.ask("GET", f"/pilots/{running}", STARTUP).json()["rejected_reports"]
    assert (shown["sequence"], shown["problems"][0]["code"]) == (3, "invalid_json")


def test_an_event_about_a_pilot_that_has_not_arrived_is_parked(edge: Edge) -> None:
    lapse = MeasureLapsed(at=kit.MONDAY, pilot_id=uuid4(), measure_id=uuid4())
    assert edge.hear([heard(DECISIONS.name, lapse)]) == [Outcome.PARKED]


# For anyone


def test_anyone_may_ask_whether_this_applies_and_nothing_is_kept(edge: Edge) -> None:
    before = len(edge.published())
    fields = ("sector", "provinces", "answers", "activities", "held_permits")
    body = {name: DOSSIER[name] for name in fields}
    answer = edge.ask("POST", "/check", body=body)
    assert (answer.status_code, answer.json()["admissible"]) == (200, True)
    assert answer.json()["start_mode"] == "standstill"
    slip = edge.ask("POST", "/check", body=body | {"held_permits": [{**DOSSIER["held_permits"][0], "isuer": "?"}]})
    assert [problem["pointer"] for problem in slip.json()["errors"]] == ["/held_permits/0/isuer"]
    assert len(edge.published()) == before


def test_anyone_may_read_what_a_form_needs_and_what_the_topics_are(edge: Edge) -> None:
    assert len(edge.ask("GET", "/reference").json()["sectors"]) == 10
    assert edge.ask("GET", "/asyncapi.json").json()["asyncapi"] == "3.0.0"


def test_the_figures_of_the_domain_are_exposed(edge: Edge, running: str) -> None:
    edge.count_figures()
    lines = edge.ask("GET", "/metrics").text.splitlines()
    figures = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines if line.startswith("haukiem_")}
    assert figures['haukiem_pilots{state="active"}'] >= 1
    assert figures['haukiem_applications{status="registered"}'] >= figures['haukiem_pilots{state="active"}']
    assert figures['haukiem_applications{status="lapsed"}'] == 0
