"""What nobody sends by mistake: values and requests made to break a parser, a database or a log. All are refused, none is a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from services.monitoring.engine import reading
from shared.platform.problems import ProblemDetails
from tests import applications_kit as kit
from tests.edges.conformance import problem
from tests.edges.forms import forms
from tests.edges.hosting import APIS, NOBODY, Edge, Wire
from tests.edges.world import AUDITOR, OPS, STARTUP, World, fresh_key

JSON = {"Content-Type": "application/json"}
DOSSIER = kit.dossier().model_dump(mode="json", exclude_none=True)
CHECK = {"sector": "creative_design", "provinces": ["01"]}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
HUGE = ("1E+9999999999", "-1e9999", 10**400, "1" * 5000, "NaN", "-Infinity", "1e-99999999999")


@pytest.fixture(scope="module")
def edges(world: World) -> Iterator[dict[str, Edge]]:
    with (
        world.edge("applications") as applications,
        world.edge("monitoring") as monitoring,
        world.edge("decisions") as decisions,
    ):
        yield {"applications": applications, "monitoring": monitoring, "decisions": decisions}


@pytest.fixture(params=APIS)
def edge(request: pytest.FixtureRequest, edges: dict[str, Edge]) -> Edge:
    return edges[request.param]


def refused(edge: Edge, path: str, body: Any) -> ProblemDetails:
    """The refusal of a startup's request; ``body`` is sent as JSON, bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = edge.ask("POST", path, STARTUP, content=content, headers=JSON | fresh_key())
    assert answer.status_code in (400, 422), answer.text
    return problem(answer)


def nested(depth: int, opening: str, closing: str) -> bytes:
    return b'{"content": {"a": ' + opening.encode() * depth + b"1" + closing.encode() * depth + b"}}"


# Values


@pytest.mark.parametrize("limit", HUGE)
def test_a_number_of_any_size_is_refused_by_name(edges: dict[str, Edge], limit: object) -> None:
    caps = [DOSSIER["envelope"]["caps"][0] | {"limit": limit}]
    found = refused(edges["applications"], "/applications", DOSSIER | {"envelope": {"caps": caps}})
    assert [error.pointer for error in found.errors] == ["/envelope/caps/0/limit"]


@pytest.mark.parametrize("value", HUGE)
def test_a_sample_of_any_size_is_refused_over_http_and_on_the_topic(
    edges: dict[str, Edge], world: World, value: object
) -> None:
    sample = {"metric": "participants_active", "at": kit.MONDAY.isoformat(), "value": value}
    path = f"/pilots/{world.one('running')}/reports"
    found = refused(edges["monitoring"], path, {"samples": [sample]})
    assert [error.pointer for error in found.errors] == ["/samples/0/value"]
    pilot = str(world.one("running"))
    record = json.dumps({"pilot_id": pilot, "sequence": 1, "samples": [sample]}).encode()
    arrival = reading.read(Wire("haukiem.metrics.v1", pilot.encode(), record, []), {})
    assert [error.pointer for error in arrival.problems] == ["/samples/0/value"]


@pytest.mark.parametrize(
    ("number", "pointer"), [(b"1e999", "/content/a"), (b"-1E400", "/content/a"), (b"9" * 400 + b".5", "/content/a")]
)
def test_a_number_that_json_has_and_we_do_not_is_named(edges: dict[str, Edge], number: bytes, pointer: str) -> None:
    found = refused(edges["applications"], "/drafts", b'{"content": {"a": %s}}' % number)
    assert [error.pointer for error in found.errors] == [pointer]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [300, 1000, 3000, 60_000])
def test_depth_is_refused_before_it_is_anybodys_trouble(
    edges: dict[str, Edge], depth: int, opening: str, closing: str
) -> None:
    refused(edges["applications"], "/drafts", nested(depth, opening, closing))


def test_what_is_taken_can_be_read_back_however_deep(edges: dict[str, Edge]) -> None:
    edge = edges["applications"]
    sent = nested(200, "[", "]")
    draft = edge.ask("POST", "/drafts", STARTUP, content=sent, headers=JSON)
    assert draft.status_code == 201
    shown = edge.ask("GET", f"/drafts/{draft.json()['pilot_id']}", STARTUP)
    assert shown.json()["content"] == json.loads(sent)["content"]


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [
        ({"x": []}, "/answers/x"),
        ({"str": {}}, "/answers/str"),
        ({"minors_mode": 1.5}, "/answers/minors_mode"),
        ({"BAD KEY": 1}, "/answers/BAD KEY"),
        ({"a/b~c": 1}, "/answers/a~1b~0c"),
        ({"": 1}, "/answers/"),
        ({"é": 1}, "/answers/é"),
    ],
)
def test_a_pointer_names_the_place_in_what_was_sent(
    edges: dict[str, Edge], answers: dict[str, Any], pointer: str
) -> None:
    """Not what the parser calls the choices that it tried there."""
    found = refused(edges["applications"], "/check", CHECK | {"answers": answers})
    assert {error.pointer for error in found.errors} == {pointer}


@pytest.mark.parametrize(
    "at", [0, "0", 1e20, "1783303200", "2026-07-06T09:00:00", "2026-07-06", "2026-06-30T23:59:60Z"]
)
def test_what_is_no_instant_with_its_offset_is_refused(edges: dict[str, Edge], at: object) -> None:
    found = refused(edges["applications"], "/check", CHECK | {"answers": {}, "planned_start": at})
    assert [error.pointer for error in found.errors] == ["/planned_start"]


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z"]
)
def test_the_ends_of_time_are_refused_or_taken_and_never_a_crash(edges: dict[str, Edge], world: World, at: str) -> None:
    running, case = world.one("running"), world.one("case_id")
    for api, path, body in (
        ("applications", "/check", CHECK | {"answers": {}, "planned_start": at}),
        ("applications", "/applications", DOSSIER | {"planned_start": at}),
        ("applications", f"/pilots/{running}/incidents", {"known_at": at, "kind": "x", "description": "y"}),
        ("monitoring", f"/pilots/{running}/reports", {"samples": [{"metric": "jobs", "at": at, "value": 1}]}),
        ("decisions", f"/cases/{case}/snooze", {"until": at, "reason": "x"}),
    ):
        who = next(form.who for form in forms(world) if form.api == api)
        answer = edges[api].ask("POST", path, who, body=body, headers=fresh_key())
        assert answer.status_code < 500, (path, answer.text)


# Requests


def test_every_form_survives_depth_and_size(edge: Edge, world: World) -> None:
    for form in (one for one in forms(world) if one.api == edge.api and one.body is not None):
        for content in (
            b"[" * 50_000 + b"]" * 50_000,
            b'{"a":' * 50_000,
            b'"' + b"\\ud83d" * 30_000 + b'"',
            b"9" * 100_000,
        ):
            answer = edge.ask(form.method, form.url(world), form.who, content=content, headers=JSON | fresh_key())
            assert answer.status_code in (400, 422), (form.action, answer.text[:200])
            problem(answer)


def test_a_method_that_a_path_does_not_have_is_said_to_be_none(edge: Edge, world: World) -> None:
    """405 names what there is (RFC 9110, 15.5.6), in any language, to anyone."""
    for path, operations in edge.document["paths"].items():
        url = path.replace("{", "").replace("}", "")
        for method in METHODS:
            if method.lower() in operations:
                continue
            answer = edge.ask(method, url)
            assert answer.status_code == 405, (method, path, answer.text)
            assert {one.strip().lower() for one in answer.headers["allow"].split(",")} <= set(operations)
            assert method == "HEAD" or problem(answer).code == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/nowhere",
        "/metrics/",
        "/openapi.json/..%2f..%2fetc%2fpasswd",
        "/..%2f..%2fetc/passwd",
        "/%00",
        "/%ff%fe",
        "/" + "a" * 30_000,
        "/docs",
        "/redoc",
        "/ops",
    ],
)
def test_a_path_that_is_none_is_not_found(edge: Edge, path: str) -> None:
    assert problem(edge.ask("GET", path, OPS)).status in (404, 422)


@pytest.mark.parametrize(
    "query",
    [
        "limit=1&limit=2",
        "&".join(f"a{n}={n}" for n in range(3000)),
        "limit=%31%30",
        "%ff=%fe",
        "=",
        "&&&",
        "limit[]=1",
        "cursor=",
    ],
)
def test_strange_queries_are_answered_or_refused(edge: Edge, query: str) -> None:
    path = {"applications": "/pilots", "monitoring": "/findings", "decisions": "/queue"}[edge.api]
    answer = edge.ask("GET", f"{path}?{query}", AUDITOR)
    assert answer.status_code in (200, 422), answer.text
    assert answer.is_success or problem(answer)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic YTpi",
        b"Bearer \xff\xfe",
        b"Bearer a.b.c",
        b"Bearer " + b"a" * 100_000,
        b"bearer\tx",
        b"Bearer x y",
    ],
)
def test_a_header_that_is_no_token_is_401(edge: Edge, value: bytes) -> None:
    path = {"applications": "/pilots", "monitoring": "/findings", "decisions": "/queue"}[edge.api]
    answer = edge.ask("GET", path, headers={"Authorization": value})
    assert (answer.status_code, problem(answer).code) == (401, "unauthenticated")


@pytest.mark.parametrize("given", [b"x" * 5000, b"a\r\nb: c", b"\xff", b"<script>", b"${jndi:ldap://x}", b"a b", b""])
def test_a_correlation_id_that_could_forge_a_log_line_is_replaced(edge: Edge, given: bytes) -> None:
    answer = edge.ask("GET", "/nowhere", headers={"X-Correlation-ID": given})
    assert UUID(problem(answer).correlation_id)


@pytest.mark.parametrize(
    "languages", [b"", b"*", b"en;q=x", b"en;q=0, vi;q=0", b",,,", b"\xff", b"en-" + b"a" * 5000, b"vi,en;q=0.9"]
)
def test_any_wish_for_a_language_gets_one_of_ours(edge: Edge, languages: bytes) -> None:
    problem(edge.ask("GET", "/nowhere", NOBODY, headers={"Accept-Language": languages}))


def test_ids_are_taken_in_one_way_of_writing_or_named(edges: dict[str, Edge], world: World) -> None:
    """A UUID may be written in several ways; whatever is taken names the same thing."""
    edge, pilot = edges["applications"], str(world.one("running"))
    for written in (
        pilot.upper(),
        pilot.replace("-", ""),
        f"%7B{pilot}%7D",
        f"urn:uuid:{pilot}",
        f"{pilot}%20",
        f"{pilot}%00",
    ):
        answer = edge.ask("GET", f"/pilots/{written}", STARTUP)
        if answer.is_success:
            assert answer.json()["pilot_id"] == pilot
        else:
            assert [error.pointer for error in problem(answer).errors] == ["/path/pilot_id"]
