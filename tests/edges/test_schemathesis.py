"""Generated requests, valid and not, against every operation of every service as every role: whatever is asked, the answer is one that
the document promises, and nothing of ours breaks.

``make test`` sends some 200 requests for each service and role, the same each time. ``make fuzz`` sends 10,000, other ones each time;
what it finds, Hypothesis shows with the request that does it.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import negative_data_rejection
from schemathesis.core.result import Ok

from tests.edges.conformance import check, documented
from tests.edges.hosting import APIS, ROLES, Edge, may
from tests.edges.world import BY_ROLE, World

CASES = int(os.environ.get("FUZZ_CASES", "0"))
"""Requests for each service and role when we fuzz; 0 for what ``make test`` sends."""
_SOME = 200
_REFUSED = 2
"""Requests for an operation that the role may not do: there is one answer to all of them."""
_CHECKS = {
    # Whether a request that fits the document is accepted rests on the domain's rules; tokens and roles are our own tables' matter.
    "positive_data_acceptance": {"enabled": False},
    "ignored_auth": {"enabled": False},
    # 405 comes from routing, before any of this; tried by hand elsewhere.
    "unsupported_method": {"enabled": False},
}
Case = schemathesis.Case[Any]
CONFIG = schemathesis.Config.from_dict({"checks": _CHECKS})


@pytest.fixture(params=APIS)
def edge(request: pytest.FixtureRequest, world: World) -> Iterator[Edge]:
    """A service in a world of its own, which the requests may change as they like."""
    with world.edge(request.param) as edge:
        yield edge


@pytest.mark.parametrize("role", ROLES)
def test_generated_requests_get_promised_answers(
    edge: Edge, world: World, role: str, subtests: pytest.Subtests
) -> None:
    schema = schemathesis.openapi.from_dict(_prepared(edge.document), config=CONFIG)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == sum(map(len, edge.document["paths"].values()))
    for operation in operations:
        action = operation.definition.raw["operationId"]
        with subtests.test(action):
            _attack(edge, world, role, operation, action, _examples(edge.api, role, action, operations))


def _examples(api: str, role: str, action: str, operations: list[Any]) -> int:
    """How many of the requests for this service and role go to ``action``."""
    if not may(api, action, role):
        return _REFUSED
    open_ = sum(may(api, operation.definition.raw["operationId"], role) for operation in operations)
    return max(5, ((CASES or _SOME) - _REFUSED * (len(operations) - open_)) // open_)


def _prepared(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what schemathesis should leave to us or cannot read: who calls is ours to say; and of a pair, which it
    would turn into a schema that JSON Schema no longer has, we check the two parts by the same ``items``."""
    prepared = copy.deepcopy(document)
    for operations in prepared["paths"].values():
        for operation in operations.values():
            operation["security"] = []
    pair = prepared["components"]["schemas"]["DeadLetterContent"]["properties"]["headers"]["items"]
    pair["items"] = pair.pop("prefixItems")[0]
    return prepared


def _attack(edge: Edge, world: World, role: str, operation: Any, action: str, examples: int) -> None:
    allowed = documented(edge.document, action)

    @settings(
        max_examples=examples,
        derandomize=not CASES,
        database=None,
        deadline=None,
        phases=[Phase.generate, *([Phase.shrink] if CASES else [])],
        suppress_health_check=list(HealthCheck),
    )
    @given(sent=_requests(operation, world))
    def attack(sent: tuple[Case, bool]) -> None:
        case, changed = sent
        response = send(edge, role, case)
        check(edge, role, action, response)
        assert response.status_code in allowed, f"{response.status_code} is not in the document"
        if may(edge.api, action, role):
            case.validate_response(response, excluded_checks=[negative_data_rejection] if changed else [])

    attack()


def _requests(operation: Any, world: World) -> st.SearchStrategy[tuple[Case, bool]]:
    """Requests that fit the document and such that do not; ids in them are often those of real things, which is then said: what was
    meant to be wrong may have become right by it."""

    @st.composite
    def made(draw: st.DrawFn) -> tuple[Case, bool]:
        changed = False
        case: Case = draw(st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode)))
        for container in (case.path_parameters, case.query, case.body):
            if isinstance(container, dict):
                for name, value in container.items():
                    container[name] = _known(draw, world, name, value)
                    changed = changed or container[name] is not value
        return case, changed

    return made()


def _known(draw: st.DrawFn, world: World, name: str, value: Any) -> Any:
    """``value``, or instead of it something that there is in the world under this ``name``."""
    known = world.ids.get(name)
    if not known or not draw(st.integers(0, 3)):
        return value
    if isinstance(value, list):
        return draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
    return draw(st.sampled_from(known))


def send(edge: Edge, role: str, case: Case) -> Any:
    """Send ``case`` as ``role``. What schemathesis would hand to its own client goes to the service in process."""
    parts = case.as_transport_kwargs(base_url="http://edge")
    wanted = {
        name: parts[name] for name in ("method", "url", "headers", "params", "data", "json", "files") if name in parts
    }
    prepared = requests.Request(**wanted).prepare()
    body = prepared.body
    assert body is None or isinstance(body, str | bytes)
    headers = {name: _bytes(value) for name, value in prepared.headers.items() if name.lower() != "authorization"}
    return edge.ask(str(prepared.method), str(prepared.url), BY_ROLE[role], content=body, headers=headers)


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", errors="replace")
