"""Settings, clock, ids, waiting, CloudEvents headers: the parts that need no server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from shared.contracts.base import Meta
from shared.contracts.errors import Poison
from shared.platform import context, logs
from shared.platform.clock import ClockUnreadable, SandboxClock, WallClock, open_clock
from shared.platform.cloudevents import decode_meta, encode
from shared.platform.health import Health, LoopTick
from shared.platform.ids import uuid7
from shared.platform.settings import Role, ServiceSettings
from shared.platform.waiting import backoff
from tests.platform.garden import eventually

BASE = {
    "HAUKIEM_ENV": "production",
    "HAUKIEM_POSTGRES": "host=db",
    "HAUKIEM_KAFKA": "kafka:9092",
    "HAUKIEM_KAFKA_SECURITY": "ssl",
    "HAUKIEM_OIDC_ISSUER": "https://id.example.gov.vn",
}


def settings(monkeypatch: pytest.MonkeyPatch, without: str = "", **changes: str) -> ServiceSettings:
    for name in [name for name in os.environ if name.startswith("HAUKIEM_")]:
        monkeypatch.delenv(name)
    for name, value in {**BASE, **{f"HAUKIEM_{name}": value for name, value in changes.items()}}.items():
        if name != without:
            monkeypatch.setenv(name, value)
    return ServiceSettings()


@pytest.mark.parametrize(
    ("given", "roles"),
    [("api,worker", {Role.API, Role.WORKER}), ("all", set(Role)), (" relay ", {Role.RELAY})],
)
def test_roles_are_read_from_a_list(monkeypatch: pytest.MonkeyPatch, given: str, roles: set[Role]) -> None:
    assert settings(monkeypatch, ROLES=given).roles == roles


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CLOCK_FILE": "/x/clock.json"}, "production refuses it"),
        ({"OIDC_ISSUER": "http://id.example.gov.vn"}, "must be an https address in production"),
        ({"OIDC_ISSUER": "http://127.0.0.1:9"}, "must be an https address in production"),
        ({"ENV": "local", "OIDC_ISSUER": "http://id.example.gov.vn"}, "http on this machine"),
        ({"ROLES": "api,cook"}, "cook|'relay'"),
        ({"ROLES": ","}, "names no role"),
        ({"SERVICE_PORT": "99999"}, "65535"),
        ({"ENV": "staging"}, "'local' or 'production'"),
    ],
)
def test_what_production_must_not_run_on_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(monkeypatch, **changes)


def test_the_local_stack_may_use_the_sandbox_clock_and_an_issuer_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local = settings(monkeypatch, ENV="local", CLOCK_FILE="/x/clock.json", OIDC_ISSUER="http://127.0.0.1:9")
    assert local.is_local and local.clock_file == Path("/x/clock.json")


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in repr(settings(monkeypatch, POSTGRES="password=hunter2"))


def set_clock(path: Path, now: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"now": now}))
    fresh.rename(path)


def test_the_sandbox_clock_follows_its_file_forward_and_never_back(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    set_clock(path, "2026-07-06T09:00:00+07:00")
    clock = open_clock(path)
    assert clock.is_sandbox
    assert clock.now() == datetime(2026, 7, 6, 2, 0, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    set_clock(path, "2026-07-07T09:00:00+07:00")
    assert clock.now() == datetime(2026, 7, 7, 2, 0, tzinfo=UTC)
    set_clock(path, "2026-07-01T09:00:00+07:00")
    assert clock.now() == datetime(2026, 7, 7, 2, 0, tzinfo=UTC)
    path.write_text("{half a fi")
    assert clock.now() == datetime(2026, 7, 7, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("content", [None, "", "[]", '{"now": "yesterday"}', '{"now": "2026-07-06T09:00:00"}'])
def test_a_clock_that_was_never_readable_is_an_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "clock.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ClockUnreadable, match=r"clock\.json"):
        SandboxClock(path)


def test_without_a_file_the_clock_is_wall_time() -> None:
    clock = open_clock(None)
    assert isinstance(clock, WallClock)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_ids_are_version_7_rise_and_carry_the_time() -> None:
    ids = [uuid7() for _ in range(20_000)]
    assert ids == sorted(set(ids))
    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}
    milliseconds = ids[-1].int >> 80
    assert abs(milliseconds / 1000 - datetime.now(UTC).timestamp()) < 5


def test_pauses_grow_to_their_limit() -> None:
    pauses = list(islice(backoff(0.1, 2.0), 8))
    assert all(
        0.75 * whole <= pause <= whole for pause, whole in zip(pauses, [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2], strict=True)
    )


META = Meta(
    id=UUID("01890000-0000-7000-8000-000000000001"),
    type="haukiem.garden.Planted.v1",
    source="garden",
    time=datetime(2026, 7, 6, 2, 0, tzinfo=UTC),
    correlation_id="c",
    causation_id=UUID("01890000-0000-7000-8000-000000000002"),
)


def test_headers_come_back_as_they_were_and_times_are_in_utc() -> None:
    headers = encode(META)
    assert dict(headers)["ce_time"] == b"2026-07-06T02:00:00Z"
    assert decode_meta(headers) == META
    assert decode_meta(encode(META.model_copy(update={"causation_id": None}))).causation_id is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_id", b"7"),
        ("ce_time", b"noon"),
        ("ce_time", b"2026-07-06T02:00:00"),
        ("ce_type", b"\xff"),
        ("ce_causationid", b"because"),
        ("ce_id", None),
    ],
)
def test_headers_that_are_not_ours_are_poison(name: str, value: Any) -> None:
    with pytest.raises(Poison):
        decode_meta([(known, value if known == name else content) for known, content in encode(META)])


@pytest.mark.parametrize("missing", ["ce_id", "ce_source", "ce_type", "ce_time"])
def test_a_missing_header_is_poison_by_name(missing: str) -> None:
    with pytest.raises(Poison, match=missing):
        decode_meta([header for header in encode(META) if header[0] != missing])


def test_ids_of_context_are_bound_for_a_block_and_restored() -> None:
    with context.bound("outer", META.id):
        with context.bound() as inner:
            assert context.correlation_id() == inner != "outer"
            assert context.causation_id() is None
        assert (context.correlation_id(), context.causation_id()) == ("outer", META.id)


def test_every_log_line_is_json_with_the_correlation_id_whoever_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    import structlog

    kept = (logging.getLogger().handlers[:], logging.getLogger().level, structlog.get_config())
    try:
        logs.configure("garden", "INFO")
        with context.bound("c-9"):
            structlog.get_logger("x").info("planted", pilot_id=META.id)
            logging.getLogger("elsewhere").warning("dry %s", "soil")
            logging.getLogger("aiokafka.consumer").warning("coordinator is not available")
            logging.getLogger("aiokafka.consumer").error("a real failure")
            try:
                raise ValueError("frost")
            except ValueError:
                structlog.get_logger("x").exception("failed")
    finally:
        logging.getLogger().handlers[:], level, config = kept
        logging.getLogger().setLevel(level)
        structlog.configure(**config)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["planted", "dry soil", "a real failure", "failed"]
    assert {(line["service"], line["correlation_id"]) for line in lines} == {("garden", "c-9")}
    assert lines[0]["pilot_id"] == str(META.id)
    assert lines[3]["exception"][0]["exc_value"] == "frost"


async def test_a_loop_that_was_blocked_is_not_alive_for_a_while() -> None:
    import time

    tick = LoopTick(every=0.01, too_late=0.1, forgiven_after=0.3)
    stop = asyncio.Event()
    running = asyncio.create_task(tick.run(stop))
    await asyncio.sleep(0)
    assert tick.alive() is None
    time.sleep(0.2)  # noqa: ASYNC251 - blocking the loop is what is tried

    async def dead() -> bool:
        return tick.alive() is not None

    async def alive() -> bool:
        return tick.alive() is None

    await eventually(dead, within=2)
    await eventually(alive, within=2)
    stop.set()
    await running


async def test_readiness_names_what_is_missing_and_liveness_what_is_stuck() -> None:
    async def away() -> None:
        raise OSError("no route")

    async def here() -> None: ...

    health = Health(live={"a": lambda: None, "b": lambda: "stands still"}, ready={"kafka": away, "postgres": here})
    assert health.failing() == {"b": "stands still"}
    assert await health.unready() == {"kafka": "no route"}
