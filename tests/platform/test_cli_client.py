"""The typed client: stable idempotency keys, retries only where they do no harm, refusals as typed errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import httpx
import pytest

from shared.client import Addresses, ApiProblem, Client, Patience, Unreachable, Unreadable
from shared.contracts.events.metrics import Sample
from shared.contracts.http.monitoring import ReportSent

ADDRESSES = Addresses("http://applications", "http://monitoring", "http://decisions")
PILOT = UUID("0198f000-0000-7000-8000-000000000001")
SENT = ReportSent(samples=(Sample(metric="shows", at=datetime(2026, 7, 19, 16, tzinfo=UTC), value=Decimal(8)),))
TAKEN = {"pilot_id": str(PILOT), "source": "main", "sequence": 1, "parts": 1}

Answer = Callable[[httpx.Request], httpx.Response]


def client(*answers: Answer | Exception, seconds: float = 5.0) -> tuple[Client, list[httpx.Request]]:
    """A client whose calls are answered in turn, and the requests that it sent."""
    seen: list[httpx.Request] = []
    left = list(answers)

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return Client(ADDRESSES, lambda: "secret", http=http, patience=Patience(seconds)), seen


def says(status: int, body: object = None, **headers: str) -> Answer:
    return lambda request: httpx.Response(status, json=body, headers=headers)


async def test_a_report_is_sent_again_with_the_same_key_until_the_service_is_back() -> None:
    one, seen = client(says(503), httpx.ConnectError("refused"), httpx.ReadError("reset"), says(202, TAKEN))
    taken = await one.monitoring.report(PILOT, SENT)
    assert taken.sequence == 1
    keys = {request.headers["Idempotency-Key"] for request in seen}
    assert len(seen) == 4 and len(keys) == 1
    assert all(request.headers["Authorization"] == "Bearer secret" for request in seen)
    assert json.loads(seen[0].content)["samples"][0]["value"] == "8"


async def test_each_call_has_a_key_of_its_own_unless_the_caller_names_one() -> None:
    one, seen = client(*[says(202, TAKEN)] * 3)
    await one.monitoring.report(PILOT, SENT)
    await one.monitoring.report(PILOT, SENT)
    await one.monitoring.report(PILOT, SENT, key="week-1")
    first, second, third = (request.headers["Idempotency-Key"] for request in seen)
    assert first != second
    assert third == "week-1"


async def test_a_refusal_is_typed_and_not_tried_again() -> None:
    problem = {"pointer": "/samples/0/value", "code": "negative_delta", "vi": "Âm.", "en": "Negative."}
    body = {"status": 422, "code": "invalid_report", "detail": "Two errors.", "errors": [problem, {"odd": True}]}
    one, seen = client(says(422, body))
    with pytest.raises(ApiProblem) as caught:
        await one.monitoring.report(PILOT, SENT)
    assert (caught.value.status, caught.value.code, caught.value.detail) == (422, "invalid_report", "Two errors.")
    assert [(found.pointer, found.code) for found in caught.value.problems] == [("/samples/0/value", "negative_delta")]
    assert len(seen) == 1


@pytest.mark.parametrize("content", [b"<html>", b"[]", b""])
async def test_an_answer_that_is_no_problem_document_is_still_a_typed_refusal(content: bytes) -> None:
    one, _ = client(lambda request: httpx.Response(500, content=content))
    with pytest.raises(ApiProblem) as caught:
        await one.applications.pilot(PILOT)
    assert (caught.value.status, caught.value.code) == (500, "http_500")


async def test_patience_ends_with_the_name_of_the_service() -> None:
    one, seen = client(*[says(503)] * 50, seconds=0.3)
    with pytest.raises(Unreachable, match="decisions at http://decisions could not be reached: HTTP 503"):
        await one.decisions.statistics()
    assert len(seen) > 1


async def test_a_call_that_must_not_be_repeated_is_sent_again_only_when_it_never_arrived() -> None:
    one, seen = client(httpx.ConnectError("refused"), says(202, {"id": 7, "state": "parked"}))
    await one.ops["decisions"].resend(7)
    assert [request.url.path for request in seen] == ["/ops/dead/7/resend"] * 2
    other, tried = client(httpx.ReadError("reset"))
    with pytest.raises(Unreachable):
        await other.ops["decisions"].resend(7)
    assert len(tried) == 1


async def test_dead_letters_are_read_page_after_page() -> None:
    letter = {
        "id": 3, "consumer": "decisions", "state": "poison", "topic": "t", "partition": 0, "offset": 1, "key": "k",
        "reason": "r", "set_aside_at": "2026-07-19T16:00:00Z", "attempts": 1,
    }  # fmt: skip
    one, seen = client(says(200, {"items": [letter]}), says(200, {"items": []}))
    assert [found.id for found in await one.ops["decisions"].dead()] == [3]
    assert [request.url.params["after"] for request in seen] == ["0", "3"]


async def test_too_many_requests_are_sent_again_when_the_service_says_so() -> None:
    one, seen = client(says(429, {"code": "rate_limited"}, **{"Retry-After": "0.01"}), says(202, TAKEN))
    await one.monitoring.report(PILOT, SENT)
    assert len(seen) == 2


async def test_too_many_requests_for_longer_than_the_patience_are_a_refusal() -> None:
    one, seen = client(says(429, {"code": "rate_limited", "detail": "Too many"}, **{"Retry-After": "60"}))
    with pytest.raises(ApiProblem, match="429 rate_limited: Too many"):
        await one.monitoring.report(PILOT, SENT)
    assert len(seen) == 1


async def test_an_answer_that_is_not_the_contracts_says_where_it_came_from() -> None:
    one, _ = client(says(200, {"hello": "world"}))
    with pytest.raises(Unreadable, match=r"http://monitoring/.* does not answer as monitoring does"):
        await one.monitoring.report(PILOT, SENT)
