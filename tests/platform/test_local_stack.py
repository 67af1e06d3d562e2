"""The whole stack, as ``make up`` runs it: what stands in its way is said in one line, and it survives kill -9 of everything."""

from __future__ import annotations

import os
import signal
import socket
from collections import namedtuple
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from deploy.local import doctor, jars, leftovers, stack
from deploy.local.doctor import Finding, Verdict
from deploy.local.errors import StackError
from deploy.local.instance import SERVICES, Instance
from deploy.local.processes import marked, wait_until
from deploy.local.status import StackState
from shared.contracts.access.rule import Role

GIVEN = {
    "HAUKIEM_KAFKA": "127.0.0.1:1",
    "HAUKIEM_POSTGRES": "host=127.0.0.1 port=1 connect_timeout=1",
    "HAUKIEM_OIDC_ISSUER": "http://127.0.0.1:1",
}


def quiet(_: str) -> None:
    """Progress is not looked at."""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance("t", tmp_path)
    yield instance
    stack.down(instance, say=quiet)


def _processes(instance: Instance) -> list[str]:
    return [mark for mark, _ in marked(leftovers.mark(instance, ""))]


def test_a_taken_port_stops_up_before_anything_starts(instance: Instance) -> None:
    port = instance.configure(environ={}).ports["monitoring"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(StackError, match=f"Port {port} for monitoring is taken by process {os.getpid()}"):
            stack.up(instance, say=quiet, environ={})
    assert _processes(instance) == []


def test_a_full_disk_stops_up_before_anything_starts(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9 - 1_000_000, 1_000_000))
    with pytest.raises(StackError, match="The disk is full: 1 MB free"):
        stack.up(instance, say=quiet, environ={})
    assert _processes(instance) == []


def test_without_jars_and_network_up_says_so(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def away(jar: jars.Jar, folder: Path) -> Path:
        raise ConnectionError("Network is unreachable")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(jars, "fetch_with_jgo", away)
    with pytest.raises(StackError, match="could not be downloaded: Network is unreachable"):
        stack.up(instance, say=quiet, environ={})
    assert _processes(instance) == []


def test_servers_from_outside_that_are_away_fail_the_start_with_the_reason(instance: Instance) -> None:
    with pytest.raises(StackError, match=r"prepare ended before it was ready(.|\n)*PostgreSQL could not be prepared"):
        stack.up(instance, say=quiet, environ=GIVEN)
    status = stack.current_status(instance)
    assert status is not None
    assert status.state is StackState.FAILED
    assert _processes(instance) == []


def test_down_and_clean_of_what_never_ran_do_nothing(tmp_path: Path) -> None:
    never = Instance("never", tmp_path)
    stack.down(never, say=quiet)
    stack.clean(never, say=quiet)
    assert not never.folder.exists()


@pytest.mark.xdist_group("stack")
def test_the_whole_stack_comes_up_survives_kill_9_of_everything_and_stops(instance: Instance) -> None:
    status = stack.up(instance, say=quiet, environ={})
    assert status.state is StackState.UP
    pids = {part.name: part.pid for part in status.parts}
    assert {"postgres", "kafka", "identity", "prepare", *SERVICES} == set(pids)
    for service in SERVICES:
        assert httpx.get(f"{instance.url(service)}/health/ready").status_code == 200
        # Our own token, made without asking the issuer, is one that the services accept.
        token = instance.mint(Role.OPS)
        answer = httpx.get(f"{instance.url(service)}/no-such-page", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 404
    with psycopg.connect(instance.postgres_dsn("decisions"), autocommit=True) as connection:
        connection.execute("create table kept (n int)")

    again = stack.up(instance, say=quiet, environ={})
    assert {part.name: part.pid for part in again.parts} == pids  # up while up changes nothing
    assert Instance.current(instance.root).name == "t"

    for pid in [status.pid, *(pid for pid in pids.values() if pid is not None)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not again.supervised, 10)
    risen = stack.up(instance, say=quiet, environ={})
    assert not {part.pid for part in risen.parts} & {pid for pid in pids.values() if pid}
    with psycopg.connect(instance.postgres_dsn("decisions")) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)

    stack.down(instance, say=quiet)
    assert _processes(instance) == []
    stack.clean(instance, say=quiet)
    assert not instance.folder.exists()


# --- the doctor


def _found(findings: list[Finding], what: str) -> Finding:
    return next(finding for finding in findings if finding.what == what)


def _away(jar: jars.Jar, folder: Path) -> Path:
    raise ConnectionError("Network is unreachable")


def test_the_doctor_finds_nothing_bad_on_a_machine_that_runs_the_tests(tmp_path: Path) -> None:
    findings = doctor.examine(Instance("t", tmp_path))
    assert not [finding for finding in findings if finding.verdict is Verdict.BAD]
    assert _found(findings, "Stack").state == "t was never started"


def test_the_doctor_sees_a_broken_jar_and_a_network_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = jars.cache_folder() / "jars"
    folder.mkdir(parents=True)
    locked = jars.read_lock()
    (folder / locked[0].filename).write_bytes(b"half of a jar")
    findings = doctor.examine(Instance("t", tmp_path), fetch=_away)
    assert _found(findings, "Kafka's jars").state == (
        f"{len(locked)} of {len(locked)} missing in {folder}, 1 of them broken"
    )
    network = _found(findings, "Network")
    assert network.verdict is Verdict.BAD
    assert "Network is unreachable" in network.state
    assert "Check the network" in network.mend


def test_the_doctor_names_who_holds_a_port(tmp_path: Path) -> None:
    instance = Instance("t", tmp_path)
    port = instance.configure(environ={}).ports["decisions"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        finding = _found(doctor.examine(instance), "Port")
    assert finding.verdict is Verdict.BAD
    assert f"Port {port} for decisions is taken by process {os.getpid()}" in finding.state
