"""A whole service of the platform: it starts, works, is asked how far it has come, and stops without losing what it holds."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from shared.contracts.access.ops import TABLE
from shared.contracts.errors import Poison
from shared.platform import ops
from shared.platform.bus import Consumer, Policy
from shared.platform.clock import WallClock
from shared.platform.cloudevents import Received
from shared.platform.db import Database, Tx
from shared.platform.deadlines import Deadline, arm
from shared.platform.health import Health
from shared.platform.http import create_app
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from shared.platform.relay import Relay
from shared.platform.service import Service, TaskEnded, run
from shared.platform.settings import Role, ServiceSettings
from shared.platform.sweep import Sweep
from tests.platform.garden import Planted, eventually, planted, read_topic, record_of, watered
from tests.platform.issuer import Issuer

MakeTopic = Callable[..., Awaitable[str]]
ISSUER = Issuer()
OPS = {"Authorization": f"Bearer {ISSUER.token(roles=['ops'])}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def local_settings(**changes: Any) -> ServiceSettings:
    base: dict[str, Any] = {
        "env": "local", "postgres": SecretStr(""), "kafka": "", "oidc_issuer": "https://id.example.gov.vn",
        "service_port": free_port(), "shutdown_seconds": 10,
    }  # fmt: skip
    return ServiceSettings(**{**base, **changes})


class Watering:
    """A service that waters each tree that was planted, and once more a day later."""

    def __init__(self, dsn: str, bootstrap: str, heard: str, told: str) -> None:
        self.settings = local_settings()
        self.db = Database(dsn)
        self.kafka = Kafka(bootstrap, client_id="watering")
        self.metrics = Metrics("watering")
        self.outbox = Outbox(told, "watering")
        self.refuse = True
        self.consumer = Consumer(
            self.db,
            self.kafka,
            f"watering-{uuid4().hex[:8]}",
            {heard: {Planted: self.on_planted}},
            self.metrics,
            policy=Policy(drain_seconds=0.05, tries=1),
        )
        clock = WallClock()
        relay = Relay(self.db, self.kafka, self.outbox, self.metrics)
        sweep = Sweep(self.db, clock, self.fire, self.metrics, kinds=["water"], poll_seconds=0.05)
        app = create_app(
            "watering",
            self.settings,
            description="",
            access=TABLE,
            verifier=ISSUER.verifier(),
            metrics=self.metrics,
            health=Health(live={"consumer": self.consumer.alive}, ready={"db": self.db.ping, "kafka": self.kafka.ping}),
            routers=[ops.router("watering", self.db, clock, self.outbox, [self.consumer], extra=self.extra)],
        )
        self.service = Service(
            self.settings,
            app,
            resources=[self.db, self.kafka],
            tasks={Role.RELAY: [relay.run], Role.WORKER: [self.consumer.run, sweep.run]},
        )

    async def on_planted(self, tx: Tx, received: Received[Planted]) -> None:
        if self.refuse and received.event.species == "rotten":
            raise Poison("rotten")
        await self.outbox.add(tx, watered(received.event.pilot_id, 1))
        await arm(tx, received.event.pilot_id, "water", "", datetime.now(UTC) + timedelta(seconds=0.2))

    async def fire(self, tx: Tx, deadline: Deadline) -> None:
        await self.outbox.add(tx, watered(deadline.pilot_id, 2))

    async def extra(self) -> dict[str, Any]:
        return {"trees": 1}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[httpx.AsyncClient]:
        stop = asyncio.Event()
        task = asyncio.create_task(run(self.service, stop=stop))
        address = f"http://127.0.0.1:{self.settings.service_port}"
        async with httpx.AsyncClient(base_url=address, headers=OPS, trust_env=False) as client:

            async def ready() -> bool:
                if task.done():
                    task.result()
                try:
                    return (await client.get("/health/ready")).status_code == 200
                except httpx.ConnectError:
                    return False

            try:
                await eventually(ready, what="readiness")
                yield client
            finally:
                stop.set()
                await asyncio.wait_for(task, 40)


@pytest.fixture
async def watering(database: str, kafka_bootstrap: str, make_topic: MakeTopic) -> Watering:
    return Watering(database, kafka_bootstrap, await make_topic(), await make_topic())


@pytest.fixture
async def plant(watering: Watering, kafka_bootstrap: str) -> AsyncIterator[Callable[[Planted], Awaitable[None]]]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()

    async def send(event: Planted) -> None:
        await producer.send_and_wait(watering.consumer.topics[0], **record_of(event))

    yield send
    await producer.stop()


async def test_a_service_hears_acts_fires_tells_and_says_when_it_is_quiet(
    watering: Watering, plant: Callable[[Planted], Awaitable[None]], kafka_bootstrap: str
) -> None:
    tree = planted()
    async with watering.running() as client:
        await plant(tree)
        records = await read_topic(kafka_bootstrap, watering.outbox.topic, count=2)
        assert [json.loads(record.value or b"")["litres"] for record in records] == [1, 2]

        async def quiet() -> bool:
            progress = (await client.get("/ops/progress")).json()
            zero = [progress[name] for name in ("lag", "parked", "poison", "outbox_unsent")]
            return zero == [0, 0, 0, 0] and progress["consumed"] == 1

        await eventually(quiet)
        progress = (await client.get("/ops/progress")).json()
        assert progress["service"] == "watering"
        assert progress["outbox_last_id"] == 2
        assert progress["next_due"] is None
        assert progress["swept_until"] is not None
        assert progress["extra"] == {"trees": 1}
        figures = (await client.get("/metrics")).text
        assert "haukiem_outbox_sent_events_total 2.0" in figures
        assert (await client.get("/health/live")).json()["status"] == "ok"


async def test_ops_see_dead_letters_resend_them_and_publish_again(
    watering: Watering, plant: Callable[[Planted], Awaitable[None]], kafka_bootstrap: str
) -> None:
    rotten = planted(species="rotten")
    async with watering.running() as client:
        await plant(rotten)

        async def listed() -> list[dict[str, Any]]:
            items: list[dict[str, Any]] = (await client.get("/ops/dead")).json()["items"]
            return items

        await eventually(listed)
        (letter,) = await listed()
        assert (letter["state"], letter["reason"], letter["key"]) == ("poison", "rotten", str(rotten.key))
        shown = (await client.get(f"/ops/dead/{letter['id']}")).json()
        assert json.loads(shown["value"])["species"] == "rotten"
        assert ["ce_type", "haukiem.garden.Planted.v1"] in shown["headers"]
        (copy,) = await read_topic(kafka_bootstrap, f"{watering.consumer.topics[0]}.dead", count=1)
        assert copy.value == rotten.data()
        assert dict(copy.headers)["haukiem_reason"] == b"rotten"
        assert dict(copy.headers)["haukiem_consumer"] == watering.consumer.name.encode()

        watering.refuse = False
        assert (await client.post(f"/ops/dead/{letter['id']}/resend")).status_code == 202
        await read_topic(kafka_bootstrap, watering.outbox.topic, count=2)

        async def done() -> bool:
            return bool((await client.get("/ops/dead?state=done")).json()["items"])

        await eventually(done)
        again = await client.post(f"/ops/dead/{letter['id']}/resend")
        assert (again.status_code, again.json()["code"]) == (409, "dead_letter_not_dead")
        assert (await client.post("/ops/dead/999999/resend")).status_code == 404
        async with watering.db.tx() as tx:
            cursor = await tx.execute(
                """
                insert into set_aside (consumer, topic, key, state, reason, partition, "offset", headers, record_at)
                values ('who takes nothing back', 'trees', 'k', 'dead', 'refused', 0, 0, '[]', now()) returning id
                """
            )
            kept = await cursor.fetchone()
        assert kept is not None
        refused = await client.post(f"/ops/dead/{kept['id']}/resend")
        assert (refused.status_code, refused.json()["code"]) == (409, "dead_letter_only_kept")
        assert (await client.get("/ops/dead/999999")).status_code == 404
        assert (await client.post("/ops/republish?from_id=1")).json() == {"rows": 2}
        await read_topic(kafka_bootstrap, watering.outbox.topic, count=4)


async def test_stopping_publishes_what_the_last_request_stored(
    watering: Watering, database: str, kafka_bootstrap: str
) -> None:
    async def leads() -> bool:
        return watering.metrics.registry.get_sample_value("haukiem_relay_active") == 1

    async with watering.running():
        await eventually(leads, what="a leader")
        async with watering.db.tx() as tx:
            await watering.outbox.add_all(tx, [planted() for _ in range(50)])
    with psycopg.connect(database) as connection:
        row = connection.execute("select count(*) from outbox where sent_at is null").fetchone()
    assert row == (0,)


async def test_a_task_that_ends_or_fails_ends_the_process(watering: Watering) -> None:
    async def returns(stop: asyncio.Event) -> None:
        return

    async def fails(stop: asyncio.Event) -> None:
        raise KeyError("a defect")

    for task, error in ((returns, TaskEnded), (fails, KeyError)):
        service = Service(local_settings(), watering.service.app, tasks={Role.WORKER: [task]})
        with pytest.raises(error):
            await asyncio.wait_for(run(service), 20)


async def test_a_port_that_is_taken_is_said(watering: Watering) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = local_settings(service_port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match="is the port taken"):
            await asyncio.wait_for(run(Service(settings, watering.service.app)), 20)


async def test_a_role_that_is_not_asked_for_does_not_run(watering: Watering) -> None:
    ran: list[Role] = []

    def note(role: Role) -> Callable[[asyncio.Event], Awaitable[None]]:
        async def task(stop: asyncio.Event) -> None:
            ran.append(role)
            await stop.wait()

        return task

    settings = local_settings(roles=frozenset({Role.API, Role.RELAY}))
    service = Service(settings, watering.service.app, tasks={role: [note(role)] for role in Role})
    stop = asyncio.Event()
    task = asyncio.create_task(run(service, stop=stop))

    async def started() -> bool:
        return len(ran) == 2

    await eventually(started)
    stop.set()
    await asyncio.wait_for(task, 20)
    assert set(ran) == {Role.API, Role.RELAY}


async def test_a_service_starts_without_kafka_says_that_it_is_not_ready_and_stops_at_once(database: str) -> None:
    watering = Watering(database, f"127.0.0.1:{free_port()}", "nowhere", "nowhere")
    stop = asyncio.Event()
    task = asyncio.create_task(run(watering.service, stop=stop))
    address = f"http://127.0.0.1:{watering.settings.service_port}"
    async with httpx.AsyncClient(base_url=address, headers=OPS, trust_env=False) as client:

        async def answers() -> bool:
            with contextlib.suppress(httpx.ConnectError):
                return (await client.get("/health/live")).status_code == 200
            return False

        await eventually(answers)
        ready = await client.get("/health/ready")
        assert (ready.status_code, list(ready.json()["reasons"])) == (503, ["kafka"])
        assert (await client.get("/ops/progress")).status_code == 503
        assert not task.done()
    stop.set()
    await asyncio.wait_for(task, 20)


# --- the command -----------------------------------------------------------------------------------------------------

COMMAND = """
import asyncio
from pathlib import Path
from shared.platform import service
from shared.platform.service import Service
from shared.platform.settings import Role, ServiceSettings
from fastapi import FastAPI


async def work(stop: asyncio.Event) -> None:
    print("working", flush=True)
    await stop.wait()
    print("finished", flush=True)


def build(settings: ServiceSettings) -> Service:
    return Service(settings, FastAPI(), tasks={Role.WORKER: [work]})


service.main("garden", ServiceSettings, build, migrations=Path("migrations"))
"""


def command(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    script = tmp_path / "main.py"
    script.write_text(COMMAND)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HAUKIEM_")}
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env={**clean, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def environment(dsn: str = "host=127.0.0.1", **changes: str) -> dict[str, str]:
    return {
        "HAUKIEM_ENV": "local", "HAUKIEM_POSTGRES": dsn, "HAUKIEM_KAFKA": "127.0.0.1:1",
        "HAUKIEM_OIDC_ISSUER": "http://127.0.0.1:1", "HAUKIEM_SERVICE_PORT": str(free_port()), **changes,
    }  # fmt: skip


def test_sigterm_lets_it_finish_and_end_well(tmp_path: Path) -> None:
    process = command(tmp_path, **environment())
    assert process.stdout is not None
    while "working" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert "finished" in out


def test_an_unusable_environment_is_said_by_variable(tmp_path: Path) -> None:
    wrong = environment(HAUKIEM_SERVICE_PORT="many", HAUKIEM_ENV="production")
    del wrong["HAUKIEM_KAFKA"]
    _, err = (process := command(tmp_path, **wrong)).communicate(timeout=90)
    assert process.returncode == 2
    assert "HAUKIEM_KAFKA" in err and "HAUKIEM_SERVICE_PORT" in err
    assert "Traceback" not in err
