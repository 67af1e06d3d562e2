"""PostgreSQL and Kafka for tests: of one's own (to kill and restart), or one shared by every test process of this checkout.

The shared ones are watched by a guard process that ends them when nobody has used them for a while, however the tests ended.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.local.errors import StackError
from deploy.local.kafka import KafkaCluster, new_cluster_id, wait_for_cluster
from deploy.local.ports import free_port
from deploy.local.postgres import PostgresServer, new_password
from deploy.local.processes import Identity, Part, Running, marked, start, tail, wait_ready, wait_until

Kind = Literal["postgres", "kafka"]
PROJECT = Path(__file__).parents[2]
LINGER_SECONDS = 30.0
"""How long a shared server stays up without users, so that one test run after another finds it warm."""


class PostgresHandle:
    """A PostgreSQL server of one's own. ``dsn`` names its administrator and the database ``postgres``."""

    def __init__(self, server: PostgresServer, mark: str = "") -> None:
        self.server = server
        self._mark = mark
        self.dsn = server.dsn(database="postgres")
        self._running: Running | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._running = start(self.server.part(), self._mark)
        wait_ready(self._running)

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()

    def kill(self) -> None:
        """``kill -9`` of the whole server; ``start`` recovers from it."""
        if self._running is not None:
            self._running.kill()


class KafkaHandle:
    """A Kafka cluster of one's own; brokers are numbered from 1."""

    def __init__(self, cluster: KafkaCluster, mark: str = "") -> None:
        self.cluster = cluster
        self._mark = mark
        self.bootstrap = cluster.bootstrap
        self._parts: dict[int, Part] = dict(enumerate(cluster.parts(), start=1))
        self._running: dict[int, Running] = {}

    def start(self, *brokers: int) -> None:
        """Start these brokers, or all, and wait until their ports answer. A wait for the coordinator is in :meth:`wait`."""
        chosen = brokers or tuple(self._parts)
        for broker in chosen:
            self._running[broker] = start(self._parts[broker], self._mark)
        for broker in chosen:
            wait_ready(self._running[broker])

    def wait(self) -> None:
        """Wait until every broker is in the cluster and consumer groups can be used."""
        # In a thread with an event loop of its own: the caller may be inside one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, wait_for_cluster(self.bootstrap, self.cluster.brokers)).result()

    def stop(self, *brokers: int) -> None:
        chosen = brokers or tuple(self._running)
        for broker in chosen:
            self._running[broker].signal_stop()
        for broker in chosen:
            self._running[broker].await_stop()

    def kill(self, *brokers: int) -> None:
        """``kill -9`` of these brokers, or all; ``start`` brings them back with their data."""
        for broker in brokers or tuple(self._running):
            self._running[broker].kill()

    def wipe(self) -> None:
        """Stop all brokers, lose their data and take a new cluster id, as when a cluster is made anew at the same address."""
        self.kill()
        shutil.rmtree(self.cluster.folder)
        self.cluster = replace(self.cluster, cluster_id=new_cluster_id())
        self._parts = dict(enumerate(self.cluster.parts(), start=1))


@contextmanager
def postgres_server(folder: Path, *, durable: bool = False) -> Iterator[PostgresHandle]:
    """A server of one's own under ``folder``, on a free port, stopped at the end; ready in about a second."""
    server = PostgresServer(folder / "postgres", free_port(), new_password(), folder / "postgres.log", durable=durable)
    handle = PostgresHandle(server, f"{folder}#postgres")
    try:
        handle.start()
        yield handle
    finally:
        handle.stop()


@contextmanager
def kafka_cluster(folder: Path, brokers: int = 1) -> Iterator[KafkaHandle]:
    """A cluster of one's own under ``folder``, on free ports, stopped at the end; ready in about five seconds."""
    ports: list[int] = []
    for _ in range(2 * brokers):
        ports.append(free_port(set(ports)))
    cluster = KafkaCluster(
        folder / "kafka", new_cluster_id(), tuple(ports[:brokers]), tuple(ports[brokers:]), folder / "logs", quick=True
    )
    handle = KafkaHandle(cluster, f"{folder}#kafka")
    try:
        handle.start()
        handle.wait()
        yield handle
    finally:
        handle.kill()


def create_database(admin_dsn: str) -> str:
    """A new empty database on the server of ``admin_dsn``; returns its connection string."""
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return make_conninfo(admin_dsn, dbname=name)


def drop_database(admin_dsn: str, dsn: str) -> None:
    """Drop what :func:`create_database` made, ending its sessions."""
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(str(name))))


@contextmanager
def shared_server(kind: Kind, root: Path | None = None, *, linger: float = LINGER_SECONDS) -> Iterator[str]:
    """The address of the server that all test processes of this checkout share: an administrator's DSN, or bootstrap servers.

    The first caller starts it; it ends some time after the last caller has gone. Use unique names for databases and topics.
    """
    folder = (root or PROJECT / ".haukiem" / "test") / kind
    users = folder / "users"
    users.mkdir(parents=True, exist_ok=True)
    me = Identity.of(os.getpid())
    assert me is not None
    note = users / f"{uuid.uuid4().hex}.json"
    with _locked(folder):
        note.write_text(json.dumps({"pid": me.pid, "started": me.started}))
        address = _address(folder) or _start_guard(kind, folder, linger)
    try:
        yield address
    finally:
        note.unlink(missing_ok=True)


def _address(folder: Path) -> str | None:
    """The server's address, while its guard lives."""
    try:
        note = json.loads((folder / "server.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return note["address"] if Identity(note["pid"], note["started"]).alive else None


def _start_guard(kind: Kind, folder: Path, linger: float) -> str:
    (folder / "server.json").unlink(missing_ok=True)
    with (folder / "guard.log").open("wb") as log:
        guard = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.testing", kind, str(folder), str(linger)],
            cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    if not wait_until(lambda: _address(folder) is not None or guard.poll() is not None, 90.0):
        guard.kill()
    address = _address(folder)
    if address is None:
        raise StackError(f"The shared {kind} for tests did not start.", tail(folder / "guard.log"))
    return address


def guard(kind: Kind, folder: Path, linger: float) -> None:
    """Run the shared server until nobody uses it any more, or its folder is gone. The body of the guard process."""
    data = folder / "data"
    for _, leftover in marked(f"{data}#"):
        leftover.kill()
    shutil.rmtree(data, ignore_errors=True)
    with ExitStack() as stack:
        address = _enter(kind, data, stack)
        me = Identity.of(os.getpid())
        assert me is not None
        fresh = folder / "server.json.new"
        fresh.write_text(json.dumps({"pid": me.pid, "started": me.started, "address": address}))
        fresh.rename(folder / "server.json")
        _wait_for_the_last(folder, stack, linger)


def _enter(kind: Kind, data: Path, stack: ExitStack) -> str:
    if kind == "postgres":
        return stack.enter_context(postgres_server(data)).dsn
    return stack.enter_context(kafka_cluster(data)).bootstrap


def _wait_for_the_last(folder: Path, stack: ExitStack, linger: float) -> None:
    last_used = time.monotonic()
    while folder.exists():
        time.sleep(0.5)
        if _used(folder / "users"):
            last_used = time.monotonic()
        elif time.monotonic() - last_used > linger:
            with _locked(folder):
                if _used(folder / "users"):
                    continue
                (folder / "server.json").unlink(missing_ok=True)
                stack.close()
                shutil.rmtree(folder / "data", ignore_errors=True)
            return


def _used(users: Path) -> bool:
    """Whether a living process uses the server; notes of dead ones are cleared."""
    used = False
    for note in users.glob("*.json"):
        with suppress(FileNotFoundError, ValueError):
            user = json.loads(note.read_text())
            if Identity(user["pid"], user["started"]).alive:
                used = True
            else:
                note.unlink(missing_ok=True)
    return used


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _exit(*_: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _exit)
    guard("kafka" if sys.argv[1] == "kafka" else "postgres", Path(sys.argv[2]), float(sys.argv[3]))
