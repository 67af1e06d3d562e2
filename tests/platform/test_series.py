"""A counter shows 0 for what can be counted: an alert on the first time needs the series of before."""

from __future__ import annotations

import importlib

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

CLOCKS = {
    "applications": {"supplement_answer", "pilot_start", "pilot_end", "wind_down"},
    "monitoring": {"findings_after_end", "risk_of_the_operator"},
    "decisions": {
        *("standstill", "overdue", "measure_confirm", "periodic_report", "final_report", "remedy", "reply", "snooze"),
        "supplement_answer",
    },
}
NOTICED = {"monitoring": {"relay", "monitoring", "reports"}, "decisions": {"relay", "decisions"}}
LIMITED = {
    "applications": {("check", "address"), ("check", "process")},
    "monitoring": {("tips.send", "address"), ("tips.send", "process")},
}
OUTCOMES = {"done", "duplicate", "ignored", "parked", "poison", "fenced", "unparked"}

LIMITS = "haukiem_http_rate_limited"

Exposed = dict[str, list[tuple[dict[str, str], float]]]
"""By the name of a counter, the labels and values of its series."""


@pytest.fixture(params=sorted(CLOCKS))
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def counters(service: str) -> Exposed:
    """Of a service as its main builds it, before anything was counted."""
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        env="local", postgres=SecretStr("host=127.0.0.1 port=1"), kafka="127.0.0.1:1", oidc_issuer="http://127.0.0.1:1"
    )
    app = importlib.import_module(f"services.{service}.main").build(settings).app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        answer = await client.get("/metrics")
    return {
        family.name: [(one.labels, one.value) for one in family.samples if one.name.endswith("_total")]
        for family in text_string_to_metric_families(answer.text)
        if family.type == "counter" and family.name.startswith("haukiem_")
    }


def test_every_counter_has_a_series_from_the_start_but_that_of_answers(counters: Exposed) -> None:
    """Which status a route will answer with nobody knows."""
    assert {name for name, series in counters.items() if not series} <= {"haukiem_http_requests", LIMITS}
    assert len(counters) >= 9
    assert all(value == 0 for series in counters.values() for _, value in series)


def test_what_can_be_counted_is_named(service: str, counters: Exposed) -> None:
    for name in ("haukiem_sweep_fired", "haukiem_sweep_failures"):
        assert {labels["kind"] for labels, _ in counters[name]} == CLOCKS[service]
    noticed = {labels["by"] for labels, _ in counters["haukiem_kafka_cluster_changes"]}
    assert noticed == NOTICED.get(service, {"relay", "applications"})
    limited = {(labels["action"].removeprefix(f"{service}."), labels["by"]) for labels, _ in counters[LIMITS]}
    assert limited == LIMITED.get(service, set())
    consumed = {(labels["topic"], labels["outcome"]) for labels, _ in counters["haukiem_consumer_records"]}
    assert consumed == {(topic, outcome) for topic, _ in consumed for outcome in OUTCOMES}
    assert consumed
