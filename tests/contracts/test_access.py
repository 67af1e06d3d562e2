"""Role x action x ownership: every route is in the table, every row has a route, and the table is enforced as it reads."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import cache

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from shared.contracts import access
from shared.contracts.access import Ownership, Role, Rule
from shared.contracts.errors import Forbidden, HaukiemError, NotFound, Unauthenticated
from shared.platform.access import decide
from shared.platform.auth import Principal
from shared.platform.http import actions

TABLES: Mapping[str, Mapping[str, Rule]] = {
    "applications": access.APPLICATIONS,
    "monitoring": access.MONITORING,
    "decisions": access.DECISIONS,
}
ROWS = [(service, action) for service, table in TABLES.items() for action in table]

ORG, AUTHORITY = "0109876543", "prov_01_culture"
CALLERS = {
    "startup": Principal("a", frozenset({"startup"}), org=ORG),
    "officer": Principal("b", frozenset({"officer"}), authority=AUTHORITY),
    "supervisor": Principal("c", frozenset({"supervisor"}), authority=AUTHORITY),
    "auditor": Principal("d", frozenset({"auditor"})),
    "ops": Principal("e", frozenset({"ops"})),
}


@dataclass(frozen=True)
class Thing:
    """Whose a pilot or case is."""

    org: str
    authorities: tuple[str, ...]


OWN = Thing(ORG, (AUTHORITY, "mcst_performing_arts"))
FOREIGN = Thing("0301234567", ("prov_79_culture",))


def outcome(service: str, action: str, caller: Principal | None, thing: Thing) -> type[HaukiemError] | None:
    """How the platform refuses the caller that thing, None when it does not."""
    try:
        grant = decide(TABLES[service], action, caller)
        grant.check(org=thing.org, authorities=thing.authorities)
    except HaukiemError as error:
        return type(error)
    return None


def expected(rule: Rule, role: str | None, thing: Thing) -> type[HaukiemError] | None:
    """The same, as the table reads in words."""
    if rule.ownership is Ownership.PUBLIC:
        return None
    if role is None:
        return Unauthenticated
    if role not in rule.roles:
        return Forbidden
    confined = rule.ownership is Ownership.OWN and role in ("startup", "officer", "supervisor")
    return NotFound if confined and thing is FOREIGN else None


@pytest.mark.parametrize(("service", "action"), ROWS)
def test_every_role_may_do_what_the_table_says_and_nothing_else(service: str, action: str) -> None:
    rule = TABLES[service][action]
    for thing in (OWN, FOREIGN):
        assert outcome(service, action, None, thing) is expected(rule, None, thing)
        for role, caller in CALLERS.items():
            assert outcome(service, action, caller, thing) is expected(rule, role, thing), (role, thing)


@pytest.mark.parametrize(("service", "action"), ROWS)
def test_who_owns_nothing_sees_nothing(service: str, action: str) -> None:
    """A token without its enterprise or authority opens no row that is confined to one's own."""
    rule = TABLES[service][action]
    if rule.ownership is Ownership.OWN:
        for role in ("startup", "officer", "supervisor"):
            assert outcome(service, action, Principal("x", frozenset({role})), OWN) is Forbidden


def app_of(service: str) -> FastAPI:
    """The service's application as its main puts it together; nothing is opened and nothing is connected."""
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        env="local",
        postgres=SecretStr("postgresql://nobody@127.0.0.1:1/none"),
        kafka="127.0.0.1:1",
        oidc_issuer="http://127.0.0.1:1",
    )
    app: FastAPI = importlib.import_module(f"services.{service}.main").build(settings).app
    return app


@pytest.fixture(scope="module", params=sorted(TABLES))
async def service(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
async def app(service: str) -> FastAPI:
    return app_of(service)


@pytest.fixture
async def client(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the application; the token is the role's name."""

    async def verify(token: str) -> Principal:
        return CALLERS[token]

    monkeypatch.setattr(app.state.verifier, "verify", verify)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as found:
        yield found


async def test_every_route_is_in_the_table_and_every_row_has_a_route(service: str, app: FastAPI) -> None:
    assert set(actions(app)) == set(TABLES[service])


async def test_no_two_routes_share_an_action(app: FastAPI) -> None:
    assert {action: routes for action, routes in actions(app).items() if len(routes) != 1} == {}


def requests(app: FastAPI, table: Mapping[str, Rule]) -> list[tuple[str, str, str]]:
    """Action, method and a path with its parameters filled, for every route that is not public."""
    found = []
    for action, routes in actions(app).items():
        if table[action].ownership is not Ownership.PUBLIC:
            for route in routes:
                method, _, path = route.partition(" ")
                found.append((action, method, path.replace("{", "").replace("}", "")))
    return found


async def test_without_a_token_every_route_that_is_not_public_answers_401(
    service: str, app: FastAPI, client: httpx.AsyncClient
) -> None:
    for _, method, path in requests(app, TABLES[service]):
        answer = await client.request(method, path)
        assert answer.status_code == 401, (method, path, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_role_that_is_not_in_the_row_answers_403_before_anything_is_read(
    service: str, app: FastAPI, client: httpx.AsyncClient
) -> None:
    """The parameters are no ids and the body is no JSON: a role that may not is told so first."""
    for action, method, path in requests(app, TABLES[service]):
        for role in CALLERS:
            if role not in TABLES[service][action].roles:
                answer = await client.request(
                    method, path, content=b"{", headers={"Authorization": f"Bearer {role}", "Content-Type": "text/x"}
                )
                assert answer.status_code == 403, (role, method, path, answer.text)


@cache
def methods(service: str) -> dict[str, str]:
    return {action: routes[0].partition(" ")[0] for action, routes in actions(app_of(service)).items()}


async def test_auditors_read_and_change_nothing(service: str) -> None:
    method = methods(service)
    assert {method[action] for action, rule in TABLES[service].items() if Role.AUDITOR in rule.roles} == {"GET"}


async def test_the_people_who_keep_it_running_do_only_that(service: str) -> None:
    rows = {action for action, rule in TABLES[service].items() if Role.OPS in rule.roles}
    assert rows
    assert all(action.startswith("ops.") for action in rows)


async def test_what_a_startup_may_do_it_may_do_with_its_own(service: str) -> None:
    rows = [rule for rule in TABLES[service].values() if Role.STARTUP in rule.roles]
    assert all(rule.ownership is Ownership.OWN for rule in rows)


async def test_nobody_acts_for_both_sides(service: str) -> None:
    method = methods(service)
    writes = [rule.roles for action, rule in TABLES[service].items() if method[action] != "GET"]
    assert all(not (Role.STARTUP in roles and roles & {Role.OFFICER, Role.SUPERVISOR}) for roles in writes)


async def test_what_anybody_may_send_is_listed_here() -> None:
    public = {
        action
        for service, table in TABLES.items()
        for action, rule in table.items()
        if rule.ownership is Ownership.PUBLIC and methods(service)[action] != "GET"
    }
    assert public == {"applications.check", "monitoring.tips.send"}
