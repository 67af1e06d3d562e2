"""What a request may cost at most: no route reads a body without end, none gives a page without end."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from tests.edges.hosting import APIS, NOBODY, Caller, Edge, may
from tests.edges.world import BY_ROLE, World

GIGABYTE = 1 << 30
CHUNK = b" " * 65_536


@pytest.fixture(scope="module", params=APIS)
def edge(request: pytest.FixtureRequest, world: World) -> Iterator[Edge]:
    with world.edge(request.param) as edge:
        yield edge


def routes(edge: Edge) -> list[tuple[str, str, str]]:
    """Action, method and a path with ids that are nobody's."""
    found = []
    for route in edge.service.app.router.routes:
        assert isinstance(route, APIRoute)
        path = route.path_format
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", str(uuid4()))
        found += [(route.name, method, path) for method in sorted(route.methods or ())]
    return found


def flood(edge: Edge, method: str, path: str, who: Caller, headers: dict[str, str]) -> tuple[int, int]:
    """The status of a request whose body never ends, and how many bytes of it were asked for."""
    read, status = 0, 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += len(CHUNK)
        assert read <= GIGABYTE, "a gigabyte was read"
        return {"type": "http.request", "body": CHUNK, "more_body": True}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    sent = {"content-type": "application/json", "idempotency-key": uuid4().hex, **edge.headers(who), **headers}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("edge", 80),
    }
    edge.run(edge.service.app, scope, receive, send)
    return status, read


def test_a_body_announced_as_too_large_is_refused_before_a_byte_of_it_is_read(edge: Edge) -> None:
    for action, method, path in routes(edge):
        assert flood(edge, method, path, NOBODY, {"content-length": str(GIGABYTE)}) == (413, 0), action


def test_a_body_that_never_ends_is_read_no_further_than_the_limit(edge: Edge) -> None:
    """By no route, whoever calls: what does not look at its body reads none of it, what may not be called neither."""
    limit = edge.service.settings.body_limit
    for action, method, path in routes(edge):
        caller = next((who for role, who in BY_ROLE.items() if may(edge.api, action, role)), NOBODY)
        status, read = flood(edge, method, path, caller, {"transfer-encoding": "chunked"})
        assert read <= limit + len(CHUNK), action
        assert read == 0 or status == 413, (action, status)
        if not may(edge.api, action, "nobody"):
            assert flood(edge, method, path, NOBODY, {}) == (401, 0), action


def test_a_list_that_can_grow_is_given_in_pages_of_a_bounded_size(edge: Edge) -> None:
    document = edge.document
    paged = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            limits = [one["schema"] for one in operation.get("parameters", ()) if one["name"] == "limit"]
            answered = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
            name = answered.get("schema", {}).get("$ref", "").rpartition("/")[2]
            fields = document["components"]["schemas"].get(name, {}).get("properties", {}).keys()
            if "next" in fields and fields & {"items", "rows"}:
                assert limits, operation["operationId"]
                paged += 1
            for schema in limits:
                assert schema["minimum"] == 1 and schema["maximum"] <= 500, operation["operationId"]
    assert paged
