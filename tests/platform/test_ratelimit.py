"""How often an action may be called: by one address and by all, who counts as one, what is answered, and what the settings say."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError

from shared.contracts.access.rule import RateLimit
from shared.contracts.errors import TooMany
from shared.platform.health import Health
from shared.platform.http import create_app
from shared.platform.metrics import Metrics
from shared.platform.ratelimit import RateLimits
from shared.platform.settings import ServiceSettings
from tests.platform.issuer import Issuer
from tests.platform.test_http import ACCESS, Row, problem_of, register, trees

TWO_A_MINUTE = RateLimit(each="2/minute", all="5/minute")
PUBLIC = "register.list"


def settings(**changes: Any) -> ServiceSettings:
    base = {"env": "local", "postgres": SecretStr(""), "kafka": "", "oidc_issuer": "https://id.example.gov.vn"}
    return ServiceSettings(**{**base, **changes})


def app_of(metrics: Metrics | None = None, **changes: Any) -> FastAPI:
    """The garden, whose register may be read by anyone as often as ``TWO_A_MINUTE`` says."""
    return create_app(
        "garden",
        settings(**changes),
        description="Trees.",
        access=ACCESS | {PUBLIC: Row(frozenset(), "public", TWO_A_MINUTE)},
        verifier=Issuer().verifier(),
        metrics=metrics or Metrics("garden"),
        health=Health(),
        routers=[trees(), register()],
    )


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[Callable[..., Any]]:
    """Reads the register from a peer's address, with headers."""

    async def call(peer: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        transport = httpx.ASGITransport(app, client=(peer, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://garden") as client:
            return await client.get("/register", headers=headers)

    yield call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Wall time as the counters read it; moved by hand, from the beginning of a minute."""
    now = [1_800_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def limits(limit: RateLimit = TWO_A_MINUTE, metrics: Metrics | None = None) -> RateLimits:
    return RateLimits({"tips": Row(frozenset(), "public", limit)}, {}, metrics or Metrics("garden"))


async def refused(counted: RateLimits, host: str | None) -> int | None:
    """The seconds to wait, None where the call was let in."""
    try:
        await counted.take("tips", host)
    except TooMany as error:
        return error.seconds
    return None


async def test_an_address_may_call_so_often_and_then_again_when_its_time_has_passed(
    clock: Callable[[float], None],
) -> None:
    counted = limits()
    assert [await refused(counted, "203.0.113.7") for _ in range(2)] == [None, None]
    seconds = await refused(counted, "203.0.113.7")
    assert seconds is not None and 1 <= seconds <= 60
    assert await refused(counted, "203.0.113.8") is None
    clock(120)
    assert await refused(counted, "203.0.113.7") is None


async def test_who_waits_as_long_as_was_said_is_let_in(clock: Callable[[float], None]) -> None:
    """However often it was refused before: a refusal is not counted."""
    counted = limits()
    for _ in range(20):
        for _ in range(5):
            seconds = await refused(counted, "203.0.113.7")
            if seconds is None:
                break
            clock(seconds)
        else:
            raise AssertionError("waited as told five times, and was never let in")


async def test_many_addresses_together_have_a_limit_too(clock: Callable[[float], None]) -> None:
    metrics = Metrics("garden")
    counted = limits(metrics=metrics)
    outcomes = [await refused(counted, f"203.0.113.{n}") for n in range(7)]
    assert outcomes[:5] == [None] * 5 and None not in outcomes[5:]
    value = metrics.registry.get_sample_value
    assert value("haukiem_http_rate_limited_total", {"action": "tips", "by": "process"}) == 2
    assert value("haukiem_http_rate_limited_total", {"action": "tips", "by": "address"}) == 0


async def test_each_part_of_a_limit_holds(clock: Callable[[float], None]) -> None:
    counted = limits(RateLimit(each="2/minute; 3/day", all="100/minute"))
    await counted.take("tips", "203.0.113.7")
    await counted.take("tips", "203.0.113.7")
    clock(180)
    await counted.take("tips", "203.0.113.7")
    seconds = await refused(counted, "203.0.113.7")
    assert seconds is not None and seconds > 60


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("nonsense", None, True),
    ],
)
async def test_who_counts_as_one(
    clock: Callable[[float], None], one: str | None, other: str | None, same: bool
) -> None:
    counted = limits(RateLimit(each="1/minute", all="100/minute"))
    assert await refused(counted, one) is None
    assert (await refused(counted, other) is not None) == same


async def test_the_refusal_is_problem_details_in_both_languages_with_the_time_to_wait() -> None:
    metrics = Metrics("garden")
    async with calling(app_of(metrics)) as call:
        for _ in range(2):
            assert (await call("203.0.113.7")).status_code == 200
        found = await call("203.0.113.7", {"Accept-Language": "en"})
        said = problem_of(found, 429, "too_many_requests")
    assert re.fullmatch(r"[1-9][0-9]*", found.headers["retry-after"])
    assert f"{found.headers['retry-after']} seconds" in said["detail"]
    assert f"{found.headers['retry-after']} giây" in said["errors"][0]["vi"]
    figure = metrics.registry.get_sample_value("haukiem_http_rate_limited_total", {"action": PUBLIC, "by": "address"})
    assert figure == 1


async def test_without_a_trusted_proxy_nobody_says_who_calls() -> None:
    async with calling(app_of()) as call:
        answers = [await call("127.0.0.1", {"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


async def test_a_trusted_proxy_says_who_calls_and_its_callers_do_not() -> None:
    """What a caller wrote itself stands further left than what the proxy added."""
    app = app_of(trusted_proxies="10.0.0.0/8, 2001:db8::5")
    async with calling(app) as call:
        for proxy in ("10.1.2.3", "2001:db8::5"):
            assert (await call(proxy, {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})).status_code == 200
        assert (await call("10.1.2.3", {"X-Forwarded-For": "198.51.100.2, 203.0.113.7"})).status_code == 429
        assert (await call("10.1.2.3", {"X-Forwarded-For": "203.0.113.8"})).status_code == 200
        assert (await call("192.0.2.1", {"X-Forwarded-For": "203.0.113.7"})).status_code == 200


async def test_the_document_says_which_operations_may_answer_429() -> None:
    document = app_of(rate_limits={"trees.list": {"each": "9/minute", "all": "9/minute"}}).openapi()
    limited = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "429" in operation["responses"]
    }
    assert limited == {PUBLIC, "trees.list"}
    assert "Retry-After" in document["components"]["responses"]["Problem429"]["headers"]


async def test_the_settings_take_the_place_of_what_the_table_says() -> None:
    async with calling(app_of(rate_limits={PUBLIC: {"each": "1/minute", "all": "1/minute"}})) as call:
        assert [(await call("203.0.113.7")).status_code for _ in range(2)] == [200, 429]


def test_a_limit_of_an_action_that_there_is_not_does_not_start() -> None:
    with pytest.raises(ValueError, match=r"HAUKIEM_RATE_LIMITS names no action of this service: trees\.lsit"):
        app_of(rate_limits={"trees.lsit": {"each": "1/minute", "all": "1/minute"}})


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("RATE_LIMITS", '{"trees.list": {"each": "often", "all": "1/minute"}}'),
        ("RATE_LIMITS", '{"trees.list": {"each": "1/minute"}}'),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "proxy.example.vn"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, given: str) -> None:
    monkeypatch.setenv(f"HAUKIEM_{variable}", given)
    with pytest.raises(ValidationError):
        settings()


def test_the_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAUKIEM_TRUSTED_PROXIES", "10.0.0.1, 2001:db8::/32")
    monkeypatch.setenv("HAUKIEM_RATE_LIMITS", '{"trees.list": {"each": "1/minute", "all": "9/minute"}}')
    found = settings()
    assert [str(network) for network in found.trusted_proxies] == ["10.0.0.1/32", "2001:db8::/32"]
    assert found.rate_limits == {"trees.list": RateLimit(each="1/minute", all="9/minute")}
