"""The whole stack, as ``make up`` runs it: what stands in its way is said in one line, and it survives kill -9 of everything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deploy.local import clockfile, doctor, jars, leftovers, stack
from deploy.local.doctor import Finding, Verdict
from deploy.local.errors import StackError
from deploy.local.instance import SERVICES, Instance
from deploy.local.processes import MARK, Identity, marked, wait_until
from deploy.local.settings import port_variable
from deploy.local.status import StackState, Status, write_status
from shared.contracts.access.rule import Role

GIVEN = {
    "HAUKIEM_KAFKA": "127.0.0.1:1",
    "HAUKIEM_POSTGRES": "host=127.0.0.1 port=1 dbname=hk connect_timeout=1",
    "HAUKIEM_OIDC_ISSUER": "http://127.0.0.1:1",
}


NOON = datetime.fromisoformat("2026-07-06T12:00:00+07:00")


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


@pytest.mark.parametrize("variable", ["HAUKIEM_KAFKA", "HAUKIEM_POSTGRES"])
def test_a_server_from_outside_that_is_away_is_refused_and_not_remembered(instance: Instance, variable: str) -> None:
    with pytest.raises(StackError, match=variable):
        stack.up(instance, say=quiet, environ={variable: GIVEN[variable]})
    assert not instance.exists
    assert _processes(instance) == []


def test_servers_that_the_data_is_on_and_that_are_away_fail_the_start_with_the_reason(instance: Instance) -> None:
    instance.configure(environ=GIVEN)
    instance.prepared_file.touch()
    with pytest.raises(StackError, match=r"prepare ended before it was ready(.|\n)*PostgreSQL could not be prepared"):
        stack.up(instance, say=quiet, environ={})
    status = stack.current_status(instance)
    assert status is not None
    assert status.state is StackState.FAILED
    assert _processes(instance) == []


def test_from_the_moment_it_starts_it_is_the_one_that_commands_speak_to(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Instance) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stack, "_spawn", interrupted)
    monkeypatch.setattr(stack, "_fetch", lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        stack.up(instance, say=quiet, environ={})
    assert Instance.current(instance.root).name == instance.name


def test_all_taken_ports_are_said_at_once_and_that_a_stack_of_ours_holds_them(tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        "held = [socket.create_server(('127.0.0.1', int(port))) for port in sys.argv[1:]]\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    main, ports = Instance("main", tmp_path / "here" / ".haukiem"), Instance("x", tmp_path).configure(environ={}).ports
    environ = {port_variable(name): str(port) for name, port in ports.items()}
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(ports["postgres"]), str(ports["identity"])],
        env={**os.environ, MARK: f"{tmp_path}/there/.haukiem/main#postgres"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(StackError) as caught:
            stack.up(main, say=quiet, environ=environ)
        assert other.stdin is not None
        other.stdin.close()
    by = f"is taken by postgres of the stack main in {tmp_path}/there."
    assert caught.value.what == "\n".join(f"Port {ports[name]} for {name} {by}" for name in ("postgres", "identity"))
    assert "haukiem up -i NAME" in caught.value.mend
    assert "HAUKIEM_PORT_POSTGRES=<port> HAUKIEM_PORT_IDENTITY=<port> make up" in caught.value.mend
    assert not main.exists


@pytest.fixture
def running(instance: Instance) -> Instance:
    """It says that it is up; its supervisor is this process."""
    instance.configure(environ={})
    instance.make_folders()
    instance.prepared_file.touch()
    me = Identity.of(os.getpid())
    assert me is not None
    status = Status(instance="t", state=StackState.UP, pid=me.pid, started=me.started, message="", parts=())
    write_status(instance.status_file, status)
    return instance


@pytest.mark.parametrize(
    ("asked", "what", "mend"),
    [
        ({"brokers": 3}, "the number stays as long as the data", "Remove the data: haukiem clean -i t"),
        ({"clock": NOON}, "t is up already, on wall time", "Remove the data: haukiem clean -i t"),
        ({"split": True}, "this would change split", "Stop it, its data stays: haukiem down -i t"),
        ({"log_level": "DEBUG"}, "this would change the log level", "Stop it, its data stays: haukiem down -i t"),
        ({"environ": {"HAUKIEM_KAFKA": "kafka.example:9092"}}, "HAUKIEM_KAFKA would leave them", "Unset HAUKIEM_KAFKA"),
        ({"environ": {"HAUKIEM_PORT_IDENTITY": "18999"}}, "this would change the ports", "haukiem down -i t"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_a_running_stack_cannot_become_is_said_with_what_helps(
    running: Instance, asked: dict[str, Any], what: str, mend: str
) -> None:
    before = running.settings
    try:
        with pytest.raises(StackError) as caught:
            stack.up(running, say=quiet, **{"environ": {}, **asked})
        assert what in caught.value.what
        assert mend in caught.value.mend
        assert running.settings == before
        stack.up(running, say=quiet, environ={})
    finally:
        running.status_file.unlink()  # or the fixture would end this very process


def test_a_running_sandbox_clock_is_moved_and_not_set(running: Instance) -> None:
    running.configure(clock=True, environ={})
    clockfile.set_clock(running.clock_file, NOON, empty=True)
    try:
        stack.up(running, clock=NOON, say=quiet, environ={})
        with pytest.raises(StackError, match="its clock at Monday 06 July 2026 12:00:00") as caught:
            stack.up(running, clock=NOON.replace(hour=13), say=quiet, environ={})
        assert caught.value.mend.startswith("Move it: haukiem clock forward --to INSTANT; or remove the data")
    finally:
        running.status_file.unlink()


def test_down_and_clean_of_what_never_ran_do_nothing(tmp_path: Path) -> None:
    never = Instance("never", tmp_path)
    stack.down(never, say=quiet)
    stack.clean(never, say=quiet)
    assert not never.folder.exists()


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
