"""Instances: ports, secrets, addresses, the sandbox clock, and what each service is told."""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import sys
from datetime import datetime
from pathlib import Path

import jwt
import pytest
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console

from deploy.identity.tokens import load_key
from deploy.local import clockfile, stack
from deploy.local.environment import service_env
from deploy.local.errors import StackError, explain_os_error
from deploy.local.instance import SERVICES, Instance
from deploy.local.parts import ports_of, stages
from deploy.local.ports import free_port, is_free, taken_ports
from deploy.local.settings import MAIN_PORTS
from deploy.local.show import status_table
from deploy.local.status import StackState, Status
from shared.contracts.access.rule import Role

START = datetime.fromisoformat("2026-07-06T08:00:00+07:00")


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = Instance("t", tmp_path)
    instance.configure(environ={})
    return instance


def test_main_has_fixed_ports_and_each_can_be_chosen(tmp_path: Path) -> None:
    main = Instance("main", tmp_path)
    assert main.configure(environ={}).ports == MAIN_PORTS
    chosen = main.configure(environ={"HAUKIEM_PORT_KAFKA_1": "29092", "HAUKIEM_PORT_APPLICATIONS": "28081"}).ports
    assert (chosen["kafka-1"], chosen["applications"]) == (29092, 28081)
    assert main.kafka_bootstrap == "127.0.0.1:29092"
    assert main.configure(environ={}).ports == chosen  # once chosen, it is kept
    with pytest.raises(StackError, match="HAUKIEM_PORT_POSTGRES=x is not a TCP port"):
        main.configure(environ={"HAUKIEM_PORT_POSTGRES": "x"})
    with pytest.raises(StackError, match="The ports of decisions and postgres are both 18083") as caught:
        main.configure(environ={"HAUKIEM_PORT_POSTGRES": "18083"})
    assert "HAUKIEM_PORT_POSTGRES=<port>" in caught.value.mend
    assert main.settings.ports == chosen


def _remembered(instance: Instance) -> dict[str, bytes]:
    files = [path for path in instance.root.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("wrong", "what", "mend"),
    [
        ({"HAUKIEM_KAFKA": "localhost"}, "localhost is no host:port", "HAUKIEM_KAFKA=127.0.0.1:9092"),
        ({"HAUKIEM_KAFKA": "a:9092,"}, "one that is empty is no host:port", "HAUKIEM_KAFKA=127.0.0.1:9092"),
        ({"HAUKIEM_KAFKA": "a:9092,b:0"}, "b:0 is no host:port", "HAUKIEM_KAFKA=127.0.0.1:9092"),
        ({"HAUKIEM_KAFKA": "kafka://a:9092"}, "kafka://a:9092 is no host:port", "HAUKIEM_KAFKA=127.0.0.1:9092"),
        ({"HAUKIEM_POSTGRES": "nonsense"}, "is no connection string of PostgreSQL", "HAUKIEM_POSTGRES=postgresql://"),
        ({"HAUKIEM_POSTGRES": "host=db"}, "names no database", "HAUKIEM_POSTGRES=postgresql://"),
        ({"HAUKIEM_OIDC_ISSUER": "id.example"}, "id.example is no URL", "HAUKIEM_OIDC_ISSUER=https://"),
        ({"HAUKIEM_OIDC_ISSUER": "https://id.example:x"}, "is no URL", "HAUKIEM_OIDC_ISSUER=https://"),
        ({"HAUKIEM_OIDC_ISSUER": "http://id.example"}, "on this machine alone", "https"),
        ({"HAUKIEM_PORT_IDENTITY": "70000"}, "70000 is not a TCP port", "65535"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_refused_with_its_mending_and_never_remembered(
    instance: Instance, wrong: dict[str, str], what: str, mend: str
) -> None:
    before = _remembered(instance)
    with pytest.raises(StackError) as caught:
        instance.configure(environ=wrong)
    assert what in caught.value.what
    assert mend in caught.value.mend
    assert _remembered(instance) == before
    never = Instance("never", instance.root)
    with pytest.raises(StackError):
        stack.up(never, environ=wrong)
    assert not never.folder.exists()


@pytest.mark.parametrize(("option", "value"), [("brokers", 2), ("brokers", 0), ("log_level", "LOUD")])
def test_a_wrong_option_is_never_remembered(instance: Instance, option: str, value: object) -> None:
    before = _remembered(instance)
    with pytest.raises(StackError, match=str(value)):
        instance.configure(environ={}, **{option: value})  # type: ignore[arg-type]
    assert _remembered(instance) == before


@pytest.mark.parametrize("name", ["../elsewhere", "uv", "test", "current", "", ".", "a b"])
def test_a_stack_has_a_name_that_is_one_folder_of_its_own(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match="is no name for a stack"):
        Instance(name, tmp_path)


def test_other_instances_have_ports_of_their_own_and_keep_them(tmp_path: Path) -> None:
    first, second = Instance("demo", tmp_path), Instance("other", tmp_path)
    ports = first.configure(environ={}).ports
    assert len(set(ports.values())) == len(MAIN_PORTS)
    assert not set(ports.values()) & set(MAIN_PORTS.values())
    assert first.configure(brokers=3, environ={}).ports == ports
    assert second.configure(environ={}).ports != ports


def test_passwords_are_made_once_and_for_the_owner_alone(instance: Instance) -> None:
    secrets = instance.secrets
    assert len({secrets.admin, *secrets.services.values()}) == 1 + len(SERVICES)
    assert stat.S_IMODE((instance.folder / "secrets.json").stat().st_mode) == 0o600
    instance.configure(environ={})
    assert instance.secrets == secrets


def test_each_service_is_told_its_own_database_role_and_nothing_of_the_others(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUKIEM_POSTGRES", "host=elsewhere")
    monkeypatch.setenv("PGUSER", "somebody")
    env = service_env(instance, "monitoring")
    told = conninfo_to_dict(env["HAUKIEM_POSTGRES"])
    assert (told["user"], told["password"]) == ("monitoring", instance.secrets.services["monitoring"])
    assert told["options"] == "-c search_path=monitoring"
    assert env["HAUKIEM_SERVICE_PORT"] == str(instance.settings.ports["monitoring"])
    assert env["HAUKIEM_ENV"] == "local"
    assert env["HAUKIEM_OIDC_AUDIENCE"] == "haukiem"
    assert "PGUSER" not in env
    assert "HAUKIEM_CLOCK_FILE" not in env
    others = {instance.secrets.admin, instance.secrets.services["applications"], instance.secrets.services["decisions"]}
    assert not any(secret in value for secret in others for value in env.values())


def test_the_clock_file_is_told_only_with_the_sandbox_clock(instance: Instance) -> None:
    instance.configure(clock=True, environ={})
    assert service_env(instance, "decisions")["HAUKIEM_CLOCK_FILE"] == str(instance.clock_file)


def test_split_makes_each_relay_a_process_of_its_own(instance: Instance) -> None:
    instance.configure(split=True, environ={})
    roles = {part.name: part.env["HAUKIEM_ROLES"] for part in stages(instance)[-1]}
    assert roles == {
        **dict.fromkeys(SERVICES, "api,worker"),
        **dict.fromkeys([f"{service}-relay" for service in SERVICES], "relay"),
    }
    ports = [part.env["HAUKIEM_SERVICE_PORT"] for part in stages(instance)[-1]]
    assert len(set(ports)) == 6


def test_what_is_given_from_outside_is_used_and_nothing_embedded_starts_for_it(instance: Instance) -> None:
    instance.configure(
        environ={
            "HAUKIEM_KAFKA": "kafka.example:9092",
            "HAUKIEM_POSTGRES": "postgresql://admin:pw@db.example/hk",
            "HAUKIEM_OIDC_ISSUER": "https://id.example",
        }
    )
    assert [part.name for stage in stages(instance) for part in stage] == ["prepare", *SERVICES]
    assert list(ports_of(instance.settings)) == [*SERVICES]
    env = service_env(instance, "applications")
    assert env["HAUKIEM_KAFKA"] == "kafka.example:9092"
    assert env["HAUKIEM_OIDC_ISSUER"] == "https://id.example"
    told = conninfo_to_dict(env["HAUKIEM_POSTGRES"])
    assert (told["host"], told["dbname"], told["user"]) == ("db.example", "hk", "applications")
    with pytest.raises(StackError, match="given from outside"):
        instance.mint(Role.OPS)
    instance.configure(environ={})
    assert {part.name for part in stages(instance)[0]} == {"postgres", "kafka", "identity"}


OUTSIDE = {
    "HAUKIEM_KAFKA": "kafka.example:9092",
    "HAUKIEM_POSTGRES": "postgresql://admin:pw@db.example/hk",
    "HAUKIEM_OIDC_ISSUER": "https://id.example",
}


@pytest.mark.parametrize("variable", sorted(OUTSIDE))
def test_a_server_from_outside_is_kept_once_the_data_is_on_it(instance: Instance, variable: str) -> None:
    given = {variable: OUTSIDE[variable]}
    instance.configure(environ=given)
    instance.prepared_file.touch()
    instance.configure(environ={})
    assert instance.outside == given
    instance.configure(environ={variable: OUTSIDE[variable].replace("example", "other")})
    assert instance.outside == {variable: OUTSIDE[variable].replace("example", "other")}


@pytest.mark.parametrize("variable", sorted(OUTSIDE))
def test_a_server_that_never_held_anything_is_not_kept(instance: Instance, variable: str) -> None:
    instance.configure(environ={variable: OUTSIDE[variable]})
    instance.configure(environ={})
    assert instance.outside == {}


@pytest.mark.parametrize("variable", sorted(OUTSIDE))
def test_a_stack_does_not_leave_its_own_servers_with_their_data(instance: Instance, variable: str) -> None:
    instance.prepared_file.touch()
    with pytest.raises(StackError, match=f"{variable} would leave them") as caught:
        instance.configure(environ={variable: OUTSIDE[variable]})
    assert f"Unset {variable}" in caught.value.mend
    assert "haukiem clean -i t" in caught.value.mend
    assert instance.outside == {}


def test_what_is_given_is_shown_without_its_password(instance: Instance) -> None:
    instance.configure(environ=OUTSIDE)
    status = Status(instance="t", state=StackState.UP, pid=os.getpid(), started=0.0, message="", parts=())
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(status_table(instance, status))
    shown = console.export_text()
    for name, address in (("kafka", "kafka.example:9092"), ("postgres", "db.example/hk"), ("identity", "https://id")):
        (line,) = [line for line in shown.splitlines() if f" {name} " in line]
        assert "given" in line and address in line
    assert "pw" not in shown


def test_three_brokers_are_three_voters_and_cannot_become_one(instance: Instance) -> None:
    instance.configure(brokers=3, environ={})
    assert [part.name for part in stages(instance)[0]] == ["postgres", "kafka-1", "kafka-2", "kafka-3", "identity"]
    assert len(instance.kafka_bootstrap.split(",")) == 3
    (instance.folder / "kafka" / "broker-1").mkdir(parents=True)
    with pytest.raises(StackError, match="made with BROKERS=3"):
        instance.configure(brokers=1, environ={})
    assert instance.configure(environ={}).brokers == 3
    with pytest.raises(StackError, match="BROKERS=2"):
        Instance("new", instance.root).configure(brokers=2, environ={})


def test_a_token_of_the_instance_is_signed_with_its_key(instance: Instance) -> None:
    token = instance.mint(Role.STARTUP, "show-1", org="0312345671")
    public = jwt.PyJWK.from_dict(load_key(instance.key_file).jwk).key
    claims = jwt.decode(token, public, algorithms=["ES256"], audience="haukiem", issuer=instance.issuer)
    assert (claims["sub"], claims["org"]) == ("show-1", "0312345671")


def test_the_one_started_last_is_current(tmp_path: Path) -> None:
    assert Instance.current(tmp_path).name == "main"
    demo = Instance("demo", tmp_path)
    demo.make_current()
    assert Instance.current(tmp_path).name == "demo"
    Instance("other", tmp_path).forget_current()
    assert Instance.current(tmp_path).name == "demo"
    stack.clean(demo, say=lambda _: None)
    assert Instance.current(tmp_path).name == "main"


def test_an_instance_that_never_ran_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(StackError) as caught:
        _ = Instance("main", tmp_path).kafka_bootstrap
    assert "make up" in caught.value.mend


# --- the sandbox clock


def test_the_clock_is_set_only_while_there_is_no_data(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    clockfile.set_clock(path, START, empty=True)
    assert json.loads(path.read_text()) == {"now": "2026-07-06T01:00:00+00:00"}
    clockfile.set_clock(path, START, empty=False)  # where it stands already: nothing changes
    with pytest.raises(StackError, match="empty data directory"):
        clockfile.set_clock(path, START.replace(year=2027), empty=False)
    assert clockfile.read_clock(path) == START


def test_the_clock_only_goes_forward_and_never_shows_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    clockfile.set_clock(path, START, empty=True)
    before = path.stat().st_ino
    clockfile.forward(path, START.replace(hour=9))
    assert path.stat().st_ino != before  # another file under the same name: readers notice, and never see half of one
    with pytest.raises(StackError, match="only goes forward"):
        clockfile.forward(path, START)
    with pytest.raises(StackError, match="no offset"):
        clockfile.forward(path, datetime(2027, 1, 1))  # noqa: DTZ001
    assert [file.name for file in tmp_path.iterdir()] == ["clock.json"]


def test_a_stack_on_wall_time_has_no_clock_to_move(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="wall time"):
        clockfile.forward(tmp_path / "clock.json", START)


# --- what can go wrong


def test_a_taken_port_is_said_with_its_holder_and_how_to_choose_another(instance: Instance) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        instance.configure(environ={"HAUKIEM_PORT_IDENTITY": str(port)})
        (taken,) = taken_ports(ports_of(instance.settings))
        assert (taken.name, taken.port, taken.stack) == ("identity", port, None)
        assert str(taken).startswith(f"Port {port} for identity is taken by process {os.getpid()} ({sys.executable}")
    assert is_free(port)


def test_a_free_port_is_none_of_those_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.ports._RANGE", range(20_000, 20_002))
    first = free_port()
    assert free_port({first}) != first
    with pytest.raises(StackError, match="No free TCP port"):
        free_port({20_000, 20_001})


@pytest.mark.parametrize(
    ("number", "said"),
    [(28, "The disk is full"), (13, "Permission denied"), (30, "Permission denied"), (5, "Input/output")],
)
def test_an_error_of_the_system_is_said_in_words(number: int, said: str) -> None:
    import os

    assert said in explain_os_error(OSError(number, os.strerror(number), "/data"), "keeping Kafka's jars").what
