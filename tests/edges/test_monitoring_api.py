"""Monitoring over HTTP: reports in three forms, each error at its place; what is sent again is answered alike; tips, referrals, findings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.monitoring.store import aside
from shared.contracts.base import Event
from shared.contracts.events import BY_TYPE
from shared.contracts.events.monitoring import FindingOpened, TipReceived
from tests.edges.hosting import NOBODY, Caller, Edge
from tests.edges.world import AUDITOR, NOW, OFFICER, OPS, RIVAL, STARTUP, STRANGER, World, fresh_key

CSV = {"Content-Type": "text/csv"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def edge(world: World) -> Iterator[Edge]:
    with world.edge("monitoring") as edge:
        yield edge


@pytest.fixture
def reports(world: World) -> str:
    return f"/pilots/{world.one('running')}/reports"


@pytest.fixture
def pilot(world: World) -> str:
    return str(world.one("running"))


def when(seconds: int = 0) -> str:
    """An instant after the pilot's start, which is now."""
    return (NOW + timedelta(seconds=seconds)).isoformat()


def sample(value: object = "5", metric: str = "revenue_vnd", seconds: int = 0, **more: object) -> dict[str, Any]:
    return {"metric": metric, "at": when(seconds), "value": value, **more}


def post(edge: Edge, url: str, samples: list[Any], who: Caller = STARTUP, **more: Any) -> Any:
    return edge.ask("POST", url, who, body={"samples": samples, **more}, headers=fresh_key())


def errors(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(one["code"], one["pointer"]) for one in answer.json()["errors"]]


def told(edge: Edge, kind: type[Event]) -> list[Any]:
    found = []
    for record in edge.published():
        name = dict(record.headers)["ce_type"].decode()
        if BY_TYPE[name] is kind:
            found.append(kind.model_validate_json(record.value or b""))
    return found


# Reports


def test_sequences_rise_and_large_reports_are_cut_into_parts(edge: Edge, reports: str) -> None:
    first = post(edge, reports, [sample()])
    assert first.status_code == 202, first.text
    large = post(edge, reports, [sample("1")] * 2_001).json()
    assert (large["sequence"], large["parts"]) == (first.json()["sequence"] + 1, 3)
    listed = edge.ask("GET", reports, STARTUP).json()["items"]
    assert [(one["sequence"], one["state"], one["parts"]) for one in listed[:2]] == [
        (large["sequence"], "pending", 3),
        (first.json()["sequence"], "pending", 1),
    ]


def test_the_same_key_gives_the_same_answer_and_another_body_is_refused(edge: Edge, reports: str) -> None:
    key, body = fresh_key(), {"samples": [sample("7")]}
    answers = [edge.ask("POST", reports, STARTUP, body=body, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    other = edge.ask("POST", reports, STARTUP, body={"samples": [sample("8")]}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    beside = edge.ask("POST", f"{reports}?corrects=1", STARTUP, body=body, headers=key)
    assert beside.json()["code"] == "idempotency_key_reused"


def test_three_forms_say_the_same(edge: Edge, reports: str) -> None:
    lines = f'{{"metric":"revenue_vnd","at":"{when()}","value":"1"}}\n\n{{"metric":"revenue_vnd","at":"{when(1)}","value":2,"reset":false}}\n'
    rows = f"metric,at,value,province,reset\nrevenue_vnd,{when()},1,01,\nrevenue_vnd,{when(1)},2,,FALSE\n"
    for content, headers in ((lines, NDJSON), (rows, CSV)):
        answer = edge.ask(
            "POST", f"{reports}?source=main", STARTUP, content=content, headers={**headers, **fresh_key()}
        )
        assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], [("invalid_field", "/samples")]),
        ([sample("x")], [("invalid_field", "/samples/0/value")]),
        ([sample("0.00001")], [("invalid_field", "/samples/0/value")]),
        ([sample(), sample(more=1)], [("invalid_field", "/samples/1/more")]),
        ([{"metric": "revenue_vnd", "at": "2026-07-20T08:00:00", "value": "1"}], [("invalid_field", "/samples/0/at")]),
        ([sample(metric="unheard_of")], [("metric_unknown", "/samples/0/metric")]),
        ([sample(), sample("-1")], [("delta_negative", "/samples/1/value")]),
        ([sample(seconds=301)], [("sample_in_future", "/samples/0/at")]),
        ([sample(seconds=-1)], [("sample_before_start", "/samples/0/at")]),
    ],
)
def test_every_error_names_its_place(
    edge: Edge, reports: str, samples: list[Any], expected: list[tuple[str, str]]
) -> None:
    assert errors(post(edge, reports, samples)) == expected


def test_what_is_wrong_with_a_correction_or_a_source_is_said(edge: Edge, reports: str) -> None:
    assert errors(post(edge, reports, [sample("-1")], corrects=10**6)) == [("corrects_not_before", "/corrects")]
    assert errors(post(edge, reports, [sample()], source="nowhere")) == [("source_unknown", "/source")]
    taken = post(edge, reports, [sample("9")]).json()["sequence"]
    assert post(edge, reports, [sample("-9")], corrects=taken).status_code == 202


def test_a_correction_takes_back_no_more_than_was_reported_read_or_not(edge: Edge, reports: str) -> None:
    def refunded(value: str, seconds: int = 0) -> dict[str, Any]:
        return sample(value, "refunds_vnd", seconds)

    taken = post(edge, reports, [refunded("9"), refunded("1", 1)]).json()["sequence"]
    answer = post(edge, reports, [refunded("2"), refunded("-13")], corrects=taken)
    assert errors(answer) == [("correction_beyond_recorded", "/samples/1/value")]
    assert "refunds_vnd has 10 recorded" in answer.json()["errors"][0]["en"]
    assert post(edge, reports, [refunded("-9"), refunded("2")], corrects=taken).status_code == 202
    # Neither has been read by the engine: what was answered counts.
    assert errors(post(edge, reports, [refunded("-4")], corrects=taken)) == [
        ("correction_beyond_recorded", "/samples/0/value")
    ]
    assert post(edge, reports, [refunded("-3")], corrects=taken).status_code == 202
    # A report of more samples than a record takes is judged record by record, as it will be read.
    large = [refunded("-1"), *([refunded("0")] * 1_000), refunded("1")]
    assert errors(post(edge, reports, large, corrects=taken)) == [("correction_beyond_recorded", "/samples/0/value")]
    assert (
        post(edge, reports, [refunded("1"), *([refunded("0")] * 1_000), refunded("-1")], corrects=taken).status_code
        == 202
    )


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        ("metric;at;value\n", CSV, "csv_header_wrong"),
        ("", CSV, "csv_header_wrong"),
        ("metric,at,value,reset,reset\n", CSV, "csv_header_wrong"),
        ('metric,at,value\nrevenue_vnd,"', CSV, "csv_unreadable"),
        ("metric,at,value\nrevenue_vnd,1\n", CSV, "report_refused"),
        ("metric,at,value\n", CSV, "report_refused"),
        ("{\n[]\n", NDJSON, "report_refused"),
        ("[1]\n", NDJSON, "report_refused"),
        (b"\xff", CSV, "body_not_utf8"),
        ("{", {"Content-Type": "application/json"}, "invalid_json"),
        ("[]", {"Content-Type": "application/json"}, "report_refused"),
        ("<x/>", {"Content-Type": "application/xml"}, "unsupported_media_type"),
        ("metric,at,value\n", {}, "unsupported_media_type"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_by_name(
    edge: Edge, reports: str, content: Any, headers: dict[str, str], code: str
) -> None:
    answer = edge.ask("POST", reports, STARTUP, content=content, headers={**headers, **fresh_key()})
    assert answer.status_code in (400, 415, 422)
    assert answer.json()["code"] == code


def test_too_many_samples_are_refused_at_once(edge: Edge, reports: str) -> None:
    rows = "metric,at,value\n" + f"revenue_vnd,{when()},1\n" * 50_001
    answer = edge.ask("POST", reports, STARTUP, content=rows, headers={**CSV, **fresh_key()})
    assert answer.json()["code"] == "too_many_samples"


def test_somebody_elses_pilot_does_not_exist(edge: Edge, reports: str) -> None:
    assert post(edge, reports, [sample()], RIVAL).status_code == 404
    assert post(edge, reports, [sample()], OFFICER).status_code == 403
    assert post(edge, reports, [sample()], NOBODY).status_code == 401


def test_a_cursor_of_nobody_is_refused(edge: Edge, reports: str, pilot: str) -> None:
    for cursor in ("x", "2026-07-20_1_1", "2026-07-20T00:00:00Z_x_1", "2026-07-20T00:00:00Z_1"):
        assert edge.ask("GET", f"{reports}?cursor={cursor}", STARTUP).json()["code"] == "cursor_wrong"
    for cursor in ("x", "2026-07-20T00:00:00Z_x", "never_x"):
        assert edge.ask("GET", f"/findings?cursor={cursor}", OFFICER).json()["code"] == "cursor_wrong"


def test_pages_of_records_join(edge: Edge, reports: str) -> None:
    for _ in range(3):
        post(edge, reports, [sample()])
    seen: list[Any] = []
    url = f"{reports}?limit=2"
    while url:
        page = edge.ask("GET", url, STARTUP).json()
        seen += [(one["sequence"], one["part"]) for one in page["items"]]
        cursor = page["next"]
        url = f"{reports}?limit=2&cursor={cursor.replace('+', '%2B')}" if cursor else ""
    assert len(seen) == len(set(seen))
    assert len(seen) == len(edge.ask("GET", f"{reports}?limit=200", STARTUP).json()["items"])


# Secrets


def test_a_secret_is_issued_for_a_declared_source_and_only_to_its_enterprise(edge: Edge, world: World) -> None:
    pilot = str(world.one("quiet"))
    url = f"/pilots/{pilot}/sources/main/secret"
    one, two = edge.ask("POST", url, STARTUP).json(), edge.ask("POST", url, STARTUP).json()
    assert len(one["secret"]) == 64
    assert one["secret"] != two["secret"]
    assert edge.ask("POST", url, RIVAL).status_code == 404
    assert edge.ask("POST", f"/pilots/{pilot}/sources/nowhere/secret", STARTUP).status_code == 404


# Tips and referrals


def test_a_tip_is_taken_once_and_opens_a_finding(edge: Edge, pilot: str) -> None:
    tip = {"pilot": pilot, "text": "Khán phòng quá đông"}
    first = edge.ask("POST", "/tips", body=tip)
    assert first.status_code == 201, first.text
    assert edge.ask("POST", "/tips", body={**tip, "text": "  Khán phòng quá đông "}).json() == first.json()
    assert len([one for one in told(edge, TipReceived) if one.text == tip["text"]]) == 1
    (opened,) = [one for one in told(edge, FindingOpened) if one.subject == first.json()["content_sha256"]]
    assert (opened.rule, opened.severity) == ("tip", "minor")
    shown = edge.ask("GET", f"/pilots/{pilot}/findings?state=open", OFFICER).json()["items"]
    assert any(one["finding_id"] == str(opened.finding_id) for one in shown)
    assert edge.ask("POST", "/tips", body={**tip, "pilot": "HK-G16-99-999999"}).status_code == 404


def test_another_authority_refers_and_ones_own_does_not(edge: Edge, pilot: str) -> None:
    body = {"pilot": pilot, "title": "Chương trình", "timecode": "01:02", "content_sha256": "a" * 64, "text": "Sai lời"}
    first = edge.ask("POST", "/referrals", STRANGER, body=body)
    assert first.status_code == 201, first.text
    assert edge.ask("POST", "/referrals", STRANGER, body=body).json() == first.json()
    assert edge.ask("POST", "/referrals", OFFICER, body=body).json()["code"] == "own_authority"
    assert edge.ask("POST", "/referrals", STARTUP, body=body).status_code == 403


# Reading


def test_findings_are_shown_to_their_authority_page_by_page(edge: Edge, pilot: str) -> None:
    for number in range(3):
        edge.ask("POST", "/tips", body={"pilot": pilot, "text": f"Phản ánh {number}"})
    everything = edge.ask("GET", "/findings?limit=200", OFFICER).json()["items"]
    assert len(everything) >= 3
    page = edge.ask("GET", "/findings?limit=2&rule=tip&severity=minor", AUDITOR).json()
    rest = edge.ask("GET", f"/findings?limit=200&rule=tip&cursor={page['next'].replace('+', '%2B')}", AUDITOR).json()
    ids = [one["finding_id"] for one in page["items"] + rest["items"]]
    assert len(ids) == len(set(ids)) == len([one for one in everything if one["rule"] == "tip"])
    assert not edge.ask("GET", "/findings", STRANGER).json()["items"]


def test_usage_shows_every_cap_and_risk_every_input(edge: Edge, pilot: str) -> None:
    usage = edge.ask("GET", f"/pilots/{pilot}/usage", STARTUP).json()
    assert usage["rows"]
    assert all(row["value"] == "0" and row["remaining"] == row["limit"] for row in usage["rows"])
    risk = edge.ask("GET", f"/pilots/{pilot}/risk", OFFICER).json()
    assert risk["formula"] == "hk-risk-1"
    assert {one["name"] for one in risk["inputs"]} >= {"tier", "participants", "history"}


def test_the_document_of_topics_is_open(edge: Edge) -> None:
    assert edge.ask("GET", "/asyncapi.json").json()["asyncapi"].startswith("3.")


def test_ops_see_a_pilot_that_is_set_aside_among_the_dead_letters_and_send_it_again_once(
    edge: Edge, pilot: str
) -> None:
    failure = aside.Failure(UUID(pilot), "haukiem.metrics.v1", 3, 17, "firing a clock failed", "line 1\nline 2")

    async def fail() -> None:
        async with edge.database().tx() as tx:
            await aside.keep(tx, failure)

    edge.run(fail)
    (row,) = [one for one in edge.ask("GET", "/ops/dead", OPS).json()["items"] if one["key"] == pilot]
    assert (row["consumer"], row["state"], row["reason"]) == ("monitoring.metrics", "poison", "firing a clock failed")
    assert (row["topic"], row["partition"], row["offset"], row["attempts"]) == ("haukiem.metrics.v1", 3, 17, 1)
    assert edge.ask("GET", f"/ops/dead/{row['id']}", OPS).json()["value"] == "line 1\nline 2"
    assert edge.ask("POST", f"/ops/dead/{row['id']}/resend", OPS).status_code == 202
    again = edge.ask("POST", f"/ops/dead/{row['id']}/resend", OPS)
    assert (again.status_code, again.json()["code"]) == (409, "dead_letter_not_dead")
    (parked,) = edge.ask("GET", "/ops/dead?state=parked", OPS).json()["items"]
    assert (parked["id"], parked["resent_by"]) == (row["id"], OPS.sub)
