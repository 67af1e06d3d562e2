"""Every writing route refuses what is wrong with a request, names the field in both languages, and tells nothing to the wrong people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.edges.conformance import problem
from tests.edges.forms import Form, forms
from tests.edges.hosting import APIS, NOBODY, ROLES, Edge, may
from tests.edges.slips import encoded, slips
from tests.edges.world import BY_ROLE, World, fresh_key

JSON = {"Content-Type": "application/json"}
KEY = "/header/Idempotency-Key"
TOO_LARGE = b"more than the service takes"


@pytest.fixture(scope="module", params=APIS)
def edge(request: pytest.FixtureRequest, world: World) -> Iterator[Edge]:
    with world.edge(request.param) as edge:
        yield edge


@pytest.fixture
def mine(edge: Edge, world: World) -> list[Form]:
    """The forms of this service."""
    return [form for form in forms(world) if form.api == edge.api]


@pytest.fixture
def with_body(mine: list[Form]) -> list[Form]:
    return [form for form in mine if form.body is not None]


def operations(edge: Edge) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in edge.document["paths"].items():
        for method, said in methods.items():
            yield method.upper(), path, said


def test_every_writing_operation_is_tried_here(edge: Edge, mine: list[Form]) -> None:
    writing = {said["operationId"] for method, _, said in operations(edge) if method != "GET"}
    assert {form.action for form in mine} == {name for name in writing if not name.startswith("ops.")}


def test_every_slip_in_a_body_is_refused_and_its_field_named(
    edge: Edge, world: World, with_body: list[Form], subtests: pytest.Subtests
) -> None:
    """Each field left out, misnamed, of another type, out of range, with a NUL: computed from the document."""
    bodies = {said["operationId"]: said.get("requestBody", {}) for _, _, said in operations(edge)}
    for form in with_body:
        schema = bodies[form.action]["content"]["application/json"]["schema"]
        for slip in slips(edge.document, schema, form.body):
            with subtests.test(f"{form.action}: {slip.what} at {slip.pointer or 'the top'}"):
                sent = edge.ask(
                    form.method, form.url(world), form.who, content=encoded(slip.body), headers=JSON | fresh_key()
                )
                assert sent.status_code == 422, sent.text
                found = problem(sent)
                pointers = [error.pointer for error in found.errors]
                assert slip.pointer in pointers, pointers


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "invalid_json"),
        (b"\xff\xfe", "application/json", 400, "invalid_json"),
        (b'{"a": 1} x', "application/json", 400, "invalid_json"),
        (b"[" * 100_000, "application/json", 400, "invalid_json"),
        (b"{}", "application/xml", 415, "unsupported_media_type"),
        (b"{}", "multipart/form-data; boundary=x", 415, "unsupported_media_type"),
        (b"{}", "", 415, "unsupported_media_type"),
        (TOO_LARGE, "application/json", 413, "body_too_large"),
    ],
)
def test_what_is_no_request_is_refused_with_its_own_code(
    edge: Edge, world: World, with_body: list[Form], content: bytes, media_type: str, status: int, code: str
) -> None:
    for form in with_body:
        headers = fresh_key() | {"Content-Type": media_type}
        if content == TOO_LARGE:
            content = b" " * (edge.service.settings.body_limit + 1)
        sent = edge.ask(form.method, form.url(world), form.who, content=content, headers=headers)
        assert (sent.status_code, problem(sent).code) == (status, code), (form.action, sent.text)


def test_a_form_is_accepted_once_for_each_key_and_the_key_with_another_body_never(
    world: World, edge: Edge, mine: list[Form]
) -> None:
    """In the order of their table, since one form rests on another."""
    with world.edge(edge.api) as own:
        for form in mine:
            key = fresh_key()
            first = own.ask(form.method, form.url(world), form.who, body=form.body, headers=key)
            assert first.is_success, (form.action, first.text)
            if form.keyed:
                again = own.ask(form.method, form.url(world), form.who, body=form.body, headers=key)
                assert (again.status_code, again.content) == (first.status_code, first.content), form.action
                assert again.headers["idempotency-replayed"] == "true"
                spaced = json.dumps(form.body or {}, indent=3).encode()
                other = own.ask(form.method, form.url(world), form.who, content=spaced, headers=JSON | key)
                assert (other.status_code, problem(other).code) == (409, "idempotency_key_reused"), form.action
                assert problem(other).errors[0].pointer == KEY


@pytest.mark.parametrize("key", [None, "", "x" * 129, "a\tb", "é"])
def test_a_key_that_is_missing_or_malformed_is_named(
    edge: Edge, world: World, mine: list[Form], key: str | None
) -> None:
    for form in mine:
        if form.keyed:
            headers = {} if key is None else {"Idempotency-Key": key.encode()}
            sent = edge.ask(form.method, form.url(world), form.who, body=form.body, headers=headers)
            assert (sent.status_code, problem(sent).code) == (422, "idempotency_key_missing"), form.action
            assert [error.pointer for error in problem(sent).errors] == [KEY]


def test_what_is_not_ones_own_is_not_found_and_an_id_that_is_none_is_named(
    edge: Edge, world: World, mine: list[Form]
) -> None:
    for form in mine:
        if not form.named:
            continue
        unknown = form.path.format_map({name: [str(UUID(int=77))] * 9 for name in world.ids} | {"source": ["main"]})
        for who, url in ((form.foreign, form.url(world)), (form.who, unknown)):
            assert who is not None
            sent = edge.ask(form.method, url, who, body=form.body, headers=fresh_key())
            assert (sent.status_code, problem(sent).code) == (404, "not_found"), (form.action, sent.text)
        sent = edge.ask(
            form.method, form.nonsense().format_map(world.ids), form.who, body=form.body, headers=fresh_key()
        )
        assert sent.status_code == 422, form.action
        assert [error.pointer.split("/")[1] for error in problem(sent).errors] == ["path"]


def test_another_role_is_refused_before_anything_is_looked_at(edge: Edge, world: World) -> None:
    """Whatever the body and whatever the id: 403, and 401 without a token."""
    for method, path, said in operations(edge):
        for role in ROLES:
            if may(edge.api, said["operationId"], role):
                continue
            url = path.replace("{", "").replace("}", "")
            sent = edge.ask(method, url, BY_ROLE[role], content=b"\xff", headers={"Content-Type": "x"})
            expected = (401, "unauthenticated") if role == NOBODY.role else (403, "forbidden")
            assert (sent.status_code, problem(sent).code) == expected, (role, said["operationId"])
            assert (sent.headers.get("www-authenticate") == "Bearer") == (sent.status_code == 401)


def test_a_parameter_of_a_list_that_cannot_be_is_named(edge: Edge, world: World, subtests: pytest.Subtests) -> None:
    for method, path, said in operations(edge):
        role = next(one for one in ROLES if may(edge.api, said["operationId"], one))
        url = path.format_map({name: values[0] for name, values in world.ids.items()})
        needed = {
            one["name"]: world.one(one["name"])
            for one in said.get("parameters", ())
            if one["in"] == "query" and one["required"]
        }
        for parameter in said.get("parameters", ()):
            if method != "GET" or parameter["in"] != "query" or _is_free(parameter["schema"]):
                continue
            for wrong in ("✗", "\0", "9" * 50, "-1"):
                with subtests.test(f"{said['operationId']}: {parameter['name']}={wrong!r}"):
                    query = "&".join(f"{name}={value}" for name, value in (needed | {parameter["name"]: wrong}).items())
                    sent = edge.ask(method, f"{url}?{query.replace(chr(0), '%00')}", BY_ROLE[role])
                    assert sent.status_code == 422, sent.text
                    assert f"/query/{parameter['name']}" in [error.pointer for error in problem(sent).errors]


def _is_free(schema: dict[str, Any]) -> bool:
    """Words to search for: anything may be looked for, and not be found."""
    choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return all(
        one.get("type") in ("string", "boolean") and not {"format", "pattern", "enum"} & one.keys() for one in choices
    )
