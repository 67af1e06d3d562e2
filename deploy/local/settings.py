"""How a stack runs: what is asked, else what is remembered, else the default. All of it is judged before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from deploy.local import outside
from deploy.local.errors import StackError
from deploy.local.kafka import new_cluster_id
from deploy.local.outside import Outside
from deploy.local.ports import free_port

MAIN = "main"
# Below the range of outgoing connections, and away from the ports that PostgreSQL and Kafka usually have.
MAIN_PORTS = {
    "applications": 18081, "monitoring": 18082, "decisions": 18083, "identity": 18080, "postgres": 15432,
    "kafka-1": 19092, "kafka-2": 19093, "kafka-3": 19094,
    "controller-1": 19192, "controller-2": 19193, "controller-3": 19194,
    "applications-relay": 18181, "monitoring-relay": 18182, "decisions-relay": 18183,
}  # fmt: skip


class LogLevel(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Settings(BaseModel):
    """What is remembered of an instance from one start to the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    brokers: int
    """1 or 3; fixed once there is data."""
    split: bool
    """Whether each service's relay is a process of its own."""
    clock: bool
    """Whether the domain's time is the sandbox clock."""
    log_level: LogLevel
    cluster_id: str
    ports: dict[str, int]
    kafka: str | None = None
    """Bootstrap servers given from outside; then no broker of ours runs."""
    issuer: str | None = None
    """An issuer given from outside; then ours does not run."""
    postgres: bool = False
    """Whether PostgreSQL is given from outside (its DSN is among the secrets)."""


@dataclass(frozen=True)
class Asked:
    """What a start asks for; None for what it leaves as it is."""

    brokers: int | None = None
    split: bool | None = None
    clock: bool | None = None
    log_level: str | None = None


@dataclass(frozen=True)
class Past:
    """What is known of a stack before a start."""

    settings: Settings | None = None
    outside: Outside = field(default_factory=dict)
    has_data: bool = False
    prepared: bool = False
    """Whether the services ever had something to write to. Before that no server holds anything, so none is remembered."""


@dataclass(frozen=True)
class Plan:
    """How it is to run from now on, and on which servers from outside."""

    settings: Settings
    outside: Outside


def settle(name: str, past: Past, asked: Asked, environ: Mapping[str, str]) -> Plan:
    """How the stack ``name`` is to run. Raises :class:`StackError` for what cannot be, with the way to mend it.

    A port is chosen by ``HAUKIEM_PORT_<NAME>`` and kept; else ``main`` has fixed ones, and other stacks free ones.
    """
    known = past.settings
    servers = _servers(name, past, environ)
    return Plan(
        Settings(
            brokers=_brokers(name, past, asked.brokers),
            split=asked.split if asked.split is not None else bool(known and known.split),
            clock=asked.clock if asked.clock is not None else bool(known and known.clock),
            log_level=_log_level(asked.log_level) or (known.log_level if known else LogLevel.INFO),
            cluster_id=known.cluster_id if known else new_cluster_id(),
            ports=_ports(name, known, environ),
            kafka=servers.get(outside.KAFKA),
            issuer=servers.get(outside.ISSUER),
            postgres=outside.POSTGRES in servers,
        ),
        servers,
    )


def port_variable(name: str) -> str:
    """The environment variable that chooses a port."""
    return f"HAUKIEM_PORT_{name.upper().replace('-', '_')}"


def _brokers(name: str, past: Past, asked: int | None) -> int:
    known = past.settings.brokers if past.settings else None
    count = asked if asked is not None else known or 1
    if count not in (1, 3):
        raise StackError(f"BROKERS={count} is not possible.", "Use 1 or 3.")
    if past.has_data and known and count != known:
        raise StackError(
            f"The data of {name} was made with BROKERS={known}, and the number stays as long as the data.",
            f"Remove the data: haukiem clean -i {name}; or start another stack: haukiem up -i NAME --brokers {count}",
        )
    return count


def _log_level(asked: str | None) -> LogLevel | None:
    try:
        return None if asked is None else LogLevel(asked)
    except ValueError:
        raise StackError(f"{asked} is no log level.", f"Use one of: {', '.join(LogLevel)}.") from None


def _servers(name: str, past: Past, environ: Mapping[str, str]) -> Outside:
    """Those given now, else those that the data is on. A stack never leaves its own servers, with the data in them, unnoticed."""
    given = outside.read(environ)
    if not past.prepared:
        return given
    if others := [variable for variable in given if variable not in past.outside]:
        raise StackError(
            f"{name} has run with servers of its own, and {' and '.join(others)} would leave them, with what they hold, behind.",
            f"Unset {' and '.join(others)}; or start another stack there: haukiem up -i NAME; "
            f"or remove the data first: haukiem clean -i {name}",
        )
    return {**past.outside, **given}


def _ports(name: str, known: Settings | None, environ: Mapping[str, str]) -> dict[str, int]:
    chosen = {port: _chosen_port(port_variable(port), environ) for port in MAIN_PORTS}
    before = known.ports if known else MAIN_PORTS if name == MAIN else {}
    ports = {port: number or before.get(port, 0) for port, number in chosen.items()}
    for port, number in ports.items():
        if not number:
            ports[port] = free_port(set(ports.values()) | set(MAIN_PORTS.values()))
    for port, number in ports.items():
        if same := [other for other in ports if ports[other] == number and other != port]:
            raise StackError(
                f"The ports of {port} and {same[0]} are both {number}.",
                f"Choose another: {port_variable(port if chosen[port] else same[0])}=<port>",
            )
    return ports


def _chosen_port(variable: str, environ: Mapping[str, str]) -> int:
    """0 when none is chosen."""
    if not (text := environ.get(variable, "").strip()):
        return 0
    if not (text.isascii() and text.isdecimal()) or not 0 < int(text) < 65_536:
        raise StackError(f"{variable}={text} is not a TCP port.", "Choose a number from 1024 to 65535.")
    return int(text)
