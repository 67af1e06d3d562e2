"""The HTTP edge: who may, what is refused and how it is said, limits, figures, the document. No request may end in a 5xx of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import APIRouter, FastAPI, Path, Query, Request
from openapi_spec_validator import validate
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.contracts.access.rule import RateLimit
from shared.contracts.base import Instant
from shared.contracts.errors import NotFound, NotYet, Refused, Transient
from shared.platform import context
from shared.platform.access import Granted
from shared.platform.health import Health
from shared.platform.http import actions, create_app, router
from shared.platform.idempotency import Idempotent
from shared.platform.metrics import Metrics
from shared.platform.problems import language
from shared.platform.settings import ServiceSettings
from tests.platform.issuer import Issuer


@dataclass(frozen=True)
class Row:
    roles: frozenset[str]
    ownership: str
    limit: RateLimit | None = None


def row(ownership: str, *roles: str) -> Row:
    return Row(frozenset(roles), ownership)


ACCESS = {
    **{name: row("public") for name in ("health.live", "health.ready", "metrics", "openapi", "register.list")},
    "trees.plant": row("own", "startup"),
    "trees.show": row("own", "startup", "officer", "auditor"),
    "trees.list": row("own", "startup", "officer", "auditor"),
    "trees.fail": row("any", "ops"),
}


class Branch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    leaves: int = Field(ge=0, le=1000)


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=20)
    planted_at: Instant | None = None
    branches: list[Branch] = Field(default=[], max_length=3)


FAILURES: dict[str, Callable[[], Exception]] = {
    "refused": lambda: Refused("unavailable", "/name"),
    "transient": lambda: Transient("away"),
    "not yet": lambda: NotYet("the pilot"),
    "number": lambda: psycopg.errors.NumericValueOutOfRange("too large"),
    "defect": lambda: KeyError("a defect of ours"),
}


def trees() -> APIRouter:
    routes = router("/trees", tags=["trees"])

    @routes.post("", name="trees.plant", status_code=201)
    async def plant(tree: Tree, once: Idempotent, grant: Granted) -> dict[str, Any]:
        grant.check(org="org-1", what="tree")
        return {"name": tree.name, "key": once.key, "hash": once.body_hash, "correlation": context.correlation_id()}

    @routes.get("/{tree_id}", name="trees.show")
    async def show(tree_id: UUID, grant: Granted) -> dict[str, str]:
        grant.check(org="org-1", authorities=["hanoi"], what="tree")
        return {"id": str(tree_id)}

    @routes.get("", name="trees.list")
    async def listed(grant: Granted, q: str = "", limit: Annotated[int, Query(ge=1, le=10)] = 5) -> dict[str, Any]:
        return {"org": grant.org, "authority": grant.authority, "all": grant.sees_all, "q": q}

    @routes.post("/{how}/fail", name="trees.fail")
    async def fail(how: Annotated[str, Path(max_length=20)], request: Request) -> None:
        raise FAILURES.get(how, lambda: NotFound("tree"))()

    return routes


def register() -> APIRouter:
    routes = router("/register")

    @routes.get("", name="register.list")
    async def listed() -> list[str]:
        return ["oak"]

    return routes


SETTINGS = ServiceSettings(
    env="local", postgres=SecretStr(""), kafka="", oidc_issuer="https://id.example.gov.vn", body_limit=4096
)
ISSUER = Issuer()


def make_app(*routers: APIRouter, health: Health | None = None, metrics: Metrics | None = None) -> FastAPI:
    return create_app(
        "garden",
        SETTINGS,
        description="Trees.",
        access=ACCESS,
        verifier=ISSUER.verifier(),
        metrics=metrics or Metrics("garden"),
        health=health or Health(),
        routers=routers or (trees(), register()),
    )


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://garden") as client:
        yield client


def bearer(*roles: str, **claims: Any) -> dict[str, str]:
    known = {"org": None, "authority": None, **claims}
    return {"Authorization": f"Bearer {ISSUER.token(roles=list(roles), **known)}"}


STARTUP = bearer("startup", org="org-1")
OFFICER = bearer("officer", authority="hanoi")
OPS = bearer("ops")
KEY = {"Idempotency-Key": "k-1"}


def problem_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem details of ``response``, checked for what all have in common."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:haukiem:problem:{code}"
    assert problem["instance"] == response.request.url.path
    assert problem["correlation_id"] == response.headers["x-correlation-id"]
    assert problem["errors"] and all(
        {"pointer", "code", "vi", "en", "legal_basis"} <= set(each) for each in problem["errors"]
    )
    return problem


# --- who may ---------------------------------------------------------------------------------------------------------


async def test_a_public_route_asks_for_nothing_and_minds_no_token(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer rubbish"}):
        assert (await client.get("/register", headers=headers)).json() == ["oak"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer a.b.c", "Bearer \x7f"])
async def test_without_a_token_that_holds_nothing_else_is_looked_at(
    client: httpx.AsyncClient, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = await client.post("/trees", content=b"{not json", headers=headers)
    problem_of(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_another_role_is_refused_before_the_body_is_read(client: httpx.AsyncClient) -> None:
    problem_of(await client.post("/trees", content=b"{not json", headers=OFFICER), 403, "forbidden")


@pytest.mark.parametrize(
    ("who", "status"),
    [
        (STARTUP, 200),
        (bearer("startup", org="org-2"), 404),
        (OFFICER, 200),
        (bearer("officer", authority="hue"), 404),
        (bearer("auditor"), 200),
        (bearer("startup"), 403),
        (bearer("officer"), 403),
        (bearer("startup", "officer", org="org-2", authority="hanoi"), 200),
        (OPS, 403),
        (bearer(), 403),
    ],
    ids=[
        "owner",
        "stranger",
        "officer",
        "other office",
        "auditor",
        "no org",
        "no office",
        "two roles",
        "ops",
        "no role",
    ],
)
async def test_a_foreign_id_is_not_found(client: httpx.AsyncClient, who: dict[str, str], status: int) -> None:
    assert (await client.get(f"/trees/{uuid4()}", headers=who)).status_code == status


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        (STARTUP, {"org": "org-1", "authority": None, "all": False}),
        (OFFICER, {"org": None, "authority": "hanoi", "all": False}),
        (bearer("auditor"), {"org": None, "authority": None, "all": True}),
        (bearer("auditor", "officer", authority="hanoi"), {"org": None, "authority": None, "all": True}),
    ],
)
async def test_lists_are_confined_to_what_is_the_callers(
    client: httpx.AsyncClient, who: dict[str, str], seen: dict[str, Any]
) -> None:
    assert (await client.get("/trees", headers=who)).json() == {**seen, "q": ""}


def test_a_route_that_is_not_in_the_table_does_not_start() -> None:
    stray = router()
    stray.add_api_route("/stray", lambda: None, name="stray")
    with pytest.raises(ValueError, match=r"/stray has the action 'stray'"):
        make_app(stray)


def test_a_route_without_a_guard_does_not_start() -> None:
    plain = APIRouter()
    plain.add_api_route("/register", lambda: None, name="register.list")
    with pytest.raises(ValueError, match="is not guarded"):
        make_app(plain)


def test_routes_are_listed_by_action(app: FastAPI) -> None:
    listed = actions(app)
    assert listed["trees.plant"] == ["POST /trees"]
    assert set(listed) == set(ACCESS)


# --- what is refused and how it is said ------------------------------------------------------------------------------


async def test_each_field_at_fault_is_named_in_both_languages(client: httpx.AsyncClient) -> None:
    body = {"name": "", "planted_at": "2026-07-06T09:00:00", "branches": [{"leaves": 1}, {"leaves": -1, "wings": 2}]}
    problem = problem_of(await client.post("/trees", json=body, headers={**STARTUP, **KEY}), 422, "invalid_field")
    pointers = {each["pointer"]: each for each in problem["errors"]}
    assert set(pointers) == {"/name", "/planted_at", "/branches/1/leaves", "/branches/1/wings"}
    assert "cần ít nhất 1 ký tự" in pointers["/name"]["vi"]
    assert "at least 1 character" in pointers["/name"]["en"]
    assert "offset from UTC" in pointers["/planted_at"]["en"]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("/trees?limit=99", "/query/limit"), ("/trees?limit=x", "/query/limit"), ("/trees/7", "/path/tree_id")],
)
async def test_parameters_at_fault_are_named(client: httpx.AsyncClient, path: str, pointer: str) -> None:
    problem = problem_of(await client.get(path, headers=STARTUP), 422, "invalid_field")
    assert [each["pointer"] for each in problem["errors"]] == [pointer]


async def test_a_parameter_that_there_is_not_is_named_with_those_that_there_are(client: httpx.AsyncClient) -> None:
    """A slip in the name of a filter would show everything, as if it were filtered."""
    found = await client.get("/trees?q=oak&lmit=3&lmit=4&O=1", headers={**STARTUP, "Accept-Language": "en"})
    problem = problem_of(found, 422, "unknown_parameter")
    assert [each["pointer"] for each in problem["errors"]] == ["/query/lmit", "/query/O"]
    assert problem["detail"] == "There is no parameter lmit here. Known are: limit, q."
    assert "dùng được: limit, q." in problem["errors"][0]["vi"]


async def test_a_parameter_is_given_once(client: httpx.AsyncClient) -> None:
    found = await client.get("/trees?q=oak&limit=3&q=ash", headers={**STARTUP, "Accept-Language": "en"})
    problem = problem_of(found, 422, "repeated_parameter")
    assert [each["pointer"] for each in problem["errors"]] == ["/query/q"]
    assert problem["detail"] == "The parameter q is given more than once; give it once."


async def test_a_route_without_parameters_takes_none(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/register?state=active"), 422, "no_parameters")
    headers = {**STARTUP, **KEY}
    problem_of(await client.post("/trees?dry_run=true", json={"name": "x"}, headers=headers), 422, "no_parameters")


async def test_who_may_not_call_learns_no_parameters(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/trees?x=1"), 401, "unauthenticated")


async def test_many_and_strange_names_get_one_answer_of_bounded_size(client: httpx.AsyncClient) -> None:
    for query in ("&".join(f"a{n}=" for n in range(3000)), "%00=1", "%ff=1", "=1", "a%2Fb~c=1", "x" * 5000):
        found = await client.get(f"/trees?{query}", headers=STARTUP)
        problem_of(found, 422, "unknown_parameter")
        assert len(found.content) < 20_000


@pytest.mark.parametrize("body", [b"{", b"{not json", b"\xff\xfe", b"[" * 5000, b'{"name": ' + b"9" * 4050 + b"}"])
async def test_what_is_no_json_is_400_or_422_and_never_500(client: httpx.AsyncClient, body: bytes) -> None:
    body = body[:4096]
    response = await client.post("/trees", content=body, headers={**STARTUP, **KEY, "Content-Type": "application/json"})
    assert response.status_code in (400, 422), response.text
    problem_of(response, response.status_code, "invalid_json" if response.status_code == 400 else "invalid_field")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (r'{"name": "a\u0000b"}', "/name"),
        (r'{"name": "\ud800"}', "/name"),
        (r'{"name": "x", "a\u0000": 1}', ""),
        (r'{"name": "x", "branches": [{"leaves": NaN}]}', "/branches/0/leaves"),
        (r'{"name": "x", "branches": [{"leaves": -Infinity}]}', "/branches/0/leaves"),
    ],
)
async def test_text_and_numbers_that_cannot_be_stored_reach_no_handler(
    client: httpx.AsyncClient, body: str, pointer: str
) -> None:
    headers = {**STARTUP, **KEY, "Content-Type": "application/json"}
    problem = problem_of(await client.post("/trees", content=body.encode(), headers=headers), 422, "invalid_field")
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_whole_surrogate_pair_is_text_like_any_other(client: httpx.AsyncClient) -> None:
    headers = {**STARTUP, **KEY, "Content-Type": "application/json"}
    response = await client.post("/trees", content=rb'{"name": "\ud83c\udf33 NaN Infinity"}', headers=headers)
    assert response.json()["name"] == "🌳 NaN Infinity"


@pytest.mark.parametrize(("path", "pointer"), [("/trees?q=%00", "/query/q"), ("/trees/%00", "/path/tree_id")])
async def test_nul_in_parameters_is_refused(client: httpx.AsyncClient, path: str, pointer: str) -> None:
    problem = problem_of(await client.get(path, headers=STARTUP), 422, "invalid_field")
    assert problem["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("key", [None, "", "x" * 129, "\x01", "a\tb"])
async def test_an_idempotency_key_must_be_given_and_printable(client: httpx.AsyncClient, key: str | None) -> None:
    headers = {**STARTUP, **({} if key is None else {"Idempotency-Key": key})}
    problem_of(await client.post("/trees", json={"name": "x"}, headers=headers), 422, "idempotency_key_missing")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x", "", None])
async def test_another_media_type_is_refused(client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {**STARTUP, **KEY, **({} if kind is None else {"Content-Type": kind})}
    problem_of(await client.post("/trees", content=b'{"name": "x"}', headers=headers), 415, "unsupported_media_type")


async def test_a_body_that_is_too_large_is_refused_announced_or_not(client: httpx.AsyncClient) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    headers = {**STARTUP, **KEY, "Content-Type": "application/json"}
    problem_of(await client.post("/trees", content=b" " * 5000, headers=headers), 413, "body_too_large")
    problem_of(await client.post("/trees", content=flood(), headers=headers), 413, "body_too_large")


async def test_what_is_not_there_and_what_is_not_allowed(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/nowhere"), 404, "not_found")
    problem_of(await client.get("/trees/"), 404, "not_found")
    response = await client.delete("/trees")
    problem_of(response, 405, "method_not_allowed")
    assert response.headers["allow"]
    problem_of(await client.request("BREW", "/trees"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("refused", 409, "unavailable"),
        ("transient", 503, "unavailable"),
        ("not yet", 503, "unavailable"),
        ("number", 422, "invalid_field"),
        ("gone", 404, "not_found"),
        ("defect", 500, "internal"),
    ],
)
async def test_each_error_of_a_handler_has_its_answer(
    client: httpx.AsyncClient, how: str, status: int, code: str
) -> None:
    response = await client.post(f"/trees/{how}/fail", headers=OPS)
    problem = problem_of(response, status, code)
    assert ("retry-after" in response.headers) == (status == 503)
    assert "defect of ours" not in response.text
    if status == 500:
        assert problem["correlation_id"] in problem["detail"]


@pytest.mark.parametrize(
    ("accept", "spoken"),
    [
        ("", "vi"), ("en", "en"), ("en-GB,en;q=0.9", "en"), ("vi-VN", "vi"), ("fr", "vi"), ("en;q=0.4,vi;q=0.5", "vi"),
        ("vi;q=0,en", "en"), ("en;q=rubbish", "vi"), (",;,", "vi"), ("EN", "en"),
    ],
)  # fmt: skip
async def test_the_caller_is_answered_in_the_language_asked_for(
    client: httpx.AsyncClient, accept: str, spoken: str
) -> None:
    assert language(accept) == spoken
    response = await client.get("/nowhere", headers={"Accept-Language": accept})
    assert response.headers["content-language"] == spoken
    assert response.json()["detail"] == response.json()["errors"][0][spoken]


# --- correlation, figures, health, document --------------------------------------------------------------------------


async def test_a_well_formed_correlation_id_is_kept_and_another_replaced(client: httpx.AsyncClient) -> None:
    headers = {**STARTUP, **KEY}
    response = await client.post("/trees", json={"name": "x"}, headers={**headers, "X-Correlation-ID": "abc-1"})
    assert response.headers["x-correlation-id"] == response.json()["correlation"] == "abc-1"
    for bad in (b"", b"a b", b"x" * 129, b'a"b', "é".encode()):
        strange = [*((name.encode(), value.encode()) for name, value in headers.items()), (b"X-Correlation-ID", bad)]
        response = await client.post("/trees", json={"name": "x"}, headers=strange)
        made = response.headers["x-correlation-id"]
        assert made == response.json()["correlation"] and UUID(made).version == 7


async def test_figures_are_by_route_template_and_strange_methods_add_no_label() -> None:
    app = make_app()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://garden") as client:
        await client.get(f"/trees/{uuid4()}", headers=STARTUP)
        await client.request("BREW", f"/{uuid4()}")
        text = (await client.get("/metrics")).text
    assert 'haukiem_http_requests_total{method="GET",route="/trees/{tree_id}",status="200"} 1.0' in text
    assert 'haukiem_http_requests_total{method="other",route="unmatched",status="404"} 1.0' in text


async def test_health_says_what_is_wrong() -> None:
    async def away() -> None:
        raise Transient("the database is away")

    app = make_app(health=Health(live={"consumer": lambda: "stuck"}, ready={"postgres": away}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://garden") as client:
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert (live.status_code, live.json()) == (503, {"status": "failing", "reasons": {"consumer": "stuck"}})
    assert (ready.status_code, ready.json()["reasons"]) == (503, {"postgres": "the database is away"})


async def test_what_a_restart_would_not_mend_is_said_and_fails_nothing() -> None:
    app = make_app(health=Health(live={"loop": lambda: None}, degraded={"consumer": lambda: "at its limit"}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://garden") as client:
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "degraded", "reasons": {"consumer": "at its limit"}})
    assert ready.status_code == 200


async def test_the_document_is_valid_and_declares_tokens_and_problems(client: httpx.AsyncClient) -> None:
    spec = (await client.get("/openapi.json")).json()
    validate(spec)
    plant = spec["paths"]["/trees"]["post"]
    assert plant["operationId"] == "trees.plant"
    assert plant["security"] == [{"bearer": []}]
    assert {"201", "400", "401", "403", "404", "409", "413", "415", "422", "503", "default"} <= set(plant["responses"])
    assert spec["paths"]["/register"]["get"]["security"] == []
    assert "HTTPValidationError" not in json.dumps(spec)
    assert any(each["name"].lower() == "idempotency-key" for each in plant["parameters"])
