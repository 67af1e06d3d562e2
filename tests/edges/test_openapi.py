"""The OpenAPI document of each service: valid, complete, and saying of each route what the route does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from shared.contracts.access.rule import Ownership
from tests.edges.conformance import problem
from tests.edges.hosting import ACCESS, APIS, may
from tests.edges.world import BY_ROLE, World

Operation = tuple[str, str, dict[str, Any]]
"""Method, path, and what the document says."""


@pytest.fixture(scope="module", params=APIS)
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def document(world: World, api: str) -> Iterator[dict[str, Any]]:
    """The document as it is served to anyone."""
    with world.edge(api) as edge:
        yield edge.ask("GET", "/openapi.json").json()


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Operation]:
    return [(method, path, said) for path, methods in document["paths"].items() for method, said in methods.items()]


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_the_operations_are_the_actions_of_the_access_table(api: str, operations: list[Operation]) -> None:
    """Each once: an operation that nobody may do, or an action that nothing does, is a slip."""
    assert sorted(said["operationId"] for _, _, said in operations) == sorted(ACCESS[api])


def test_each_operation_says_in_a_few_words_what_it_is_for(operations: list[Operation]) -> None:
    for _, _, said in operations:
        assert 3 <= len(said["summary"]) <= 100, said["operationId"]
        assert said["tags"], said["operationId"]


def test_a_bearer_token_is_declared_unless_the_action_is_public(api: str, operations: list[Operation]) -> None:
    for _, _, said in operations:
        public = ACCESS[api][said["operationId"]].ownership is Ownership.PUBLIC
        assert said["security"] == ([] if public else [{"bearer": []}]), said["operationId"]
        assert public == ({"401", "403"}.isdisjoint(said["responses"])), said["operationId"]


def test_each_operation_declares_the_answers_that_it_may_give(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    for method, path, said in operations:
        responses, name = said["responses"], said["operationId"]
        assert any(status.startswith("2") for status in responses), name
        if "requestBody" in said:
            assert {"400", "413", "415", "422"} <= set(responses), name
        if "{" in path:
            assert {"404", "422"} <= set(responses), name
        if method != "get":
            assert "409" in responses, name
        for status, response in responses.items():
            if status == "304":
                assert method == "get" and not _content(document, response), name
            elif not status.startswith("2"):
                assert _content(document, response).keys() == {"application/problem+json"}, (name, status)
            elif name != "metrics":
                assert "application/json" in _content(document, response), (name, status)


def test_a_body_in_which_nothing_is_required_may_be_left_out(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    for _, _, said in operations:
        for content in said.get("requestBody", {}).get("content", {}).values():
            schema = content["schema"]
            reference = schema.get("$ref") or next(
                (one["$ref"] for one in schema.get("allOf", ()) if "$ref" in one), None
            )
            if reference is not None:
                named = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
                asks = bool(named.get("required")) or named.get("type") != "object"
                assert said["requestBody"].get("required", False) == asks, said["operationId"]


def test_the_query_parameters_of_the_document_are_those_that_are_taken(
    world: World, api: str, operations: list[Operation]
) -> None:
    """And no other is, whatever the route."""
    with world.edge(api) as edge:
        for method, path, said in operations:
            role = next(role for role in BY_ROLE if may(api, said["operationId"], role))
            declared = sorted(one["name"] for one in said.get("parameters", ()) if one["in"] == "query")
            url = path.replace("{", "").replace("}", "")
            query = "&".join(f"{name}=%00" for name in ["slip", *declared])
            refused = problem(edge.ask(method.upper(), f"{url}?{query}", BY_ROLE[role]))
            assert refused.status == 422 and [one.pointer for one in refused.errors] == ["/query/slip"], path
            assert all(name in refused.errors[0].en for name in declared), path


def test_what_an_operation_answers_has_a_schema_of_its_own(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    """Else nobody can write a client against it. Documents and health are what other standards say they are."""
    free = {"health.live", "health.ready", "metrics", "openapi", "asyncapi"}
    for _, _, said in operations:
        for status, response in said["responses"].items():
            if status.startswith("2") and said["operationId"] not in free:
                (content,) = _content(document, response).values()
                assert content["schema"].get("$ref"), said["operationId"]


def test_a_writing_operation_that_makes_a_record_asks_for_an_idempotency_key(operations: list[Operation]) -> None:
    for _, _, said in operations:
        keys = [one for one in said.get("parameters", ()) if one["name"].lower() == "idempotency-key"]
        for key in keys:
            assert key["required"], said["operationId"]
            assert key["schema"] == {
                "type": "string",
                "minLength": 1,
                "maxLength": 128,
                "pattern": key["schema"]["pattern"],
            }


def test_every_request_body_refuses_fields_that_it_does_not_know(
    document: dict[str, Any], operations: list[Operation]
) -> None:
    """So a generated client can tell; that the services do refuse them is tried field by field elsewhere."""
    for _, _, said in operations:
        for media, content in said.get("requestBody", {}).get("content", {}).items():
            schema = _resolved(document, content["schema"])
            if media == "application/json" and schema.get("type") == "object":
                assert schema.get("additionalProperties") is False, said["operationId"]


def _content(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    return dict(_resolved(document, response).get("content", {}))


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)
