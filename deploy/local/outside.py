"""Servers given from outside by environment variables: what they must look like, and whether they answer."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deploy.local.errors import StackError
from shared.platform.settings import LOOPBACK

KAFKA, POSTGRES, ISSUER = "HAUKIEM_KAFKA", "HAUKIEM_POSTGRES", "HAUKIEM_OIDC_ISSUER"
Outside = Mapping[str, str]
"""The servers from outside, by their variables; what is not there is the stack's own."""
_ANSWER_SECONDS = 5


def read(environ: Mapping[str, str]) -> Outside:
    """The servers that ``environ`` names. Raises :class:`StackError` for one that cannot be, and asks none of them yet."""
    named = {variable: environ.get(variable, "").strip() for variable in _LOOKS}
    for variable, value in named.items():
        if value:
            _LOOKS[variable](value)
    return {variable: value for variable, value in named.items() if value}


def look_for(servers: Outside) -> None:
    """Raises :class:`StackError` when a server does not answer. The issuer is not asked: its keys are wanted at the first token only."""
    if KAFKA in servers and not any(_accepts(*_host_and_port(one)) for one in servers[KAFKA].split(",")):
        raise _away(KAFKA, f"nothing answers at {servers[KAFKA]}")
    if POSTGRES in servers:
        dsn = servers[POSTGRES]
        try:
            psycopg.connect(make_conninfo(dsn, connect_timeout=_ANSWER_SECONDS)).close()
        except psycopg.Error as error:
            raise _away(POSTGRES, str(error).strip()) from error


def place_of(dsn: str) -> str:
    """Where a connection string leads, without its password."""
    known = conninfo_to_dict(dsn)
    host = known.get("host") or known.get("hostaddr") or "the local socket"
    port = f":{known['port']}" if known.get("port") else ""
    return f"{host}{port}/{known.get('dbname')}"


def _away(variable: str, why: str) -> StackError:
    return StackError(
        f"{variable}: {why}", f"Nothing was changed. Start that server, name another, or unset {variable}."
    )


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_SECONDS):
            return True
    except OSError:
        return False


def _host_and_port(server: str) -> tuple[str, int]:
    """Raises ValueError when it is none."""
    host, _, port = server.strip().rpartition(":")
    if not host or "/" in host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65_536:
        raise ValueError(server)
    return host.strip("[]"), int(port)


def _looks_like_kafka(value: str) -> None:
    for server in value.split(","):
        try:
            _host_and_port(server)
        except ValueError:
            raise StackError(
                f"{KAFKA}={value} is no list of bootstrap servers: {server.strip() or 'one that is empty'} is no host:port.",
                f"Write for example {KAFKA}=127.0.0.1:9092, several with commas between.",
            ) from None


def _looks_like_postgres(value: str) -> None:
    # What is wrong is said, and not the whole of it: it holds a password.
    mend = f"Write for example {POSTGRES}=postgresql://admin:password@127.0.0.1:5432/haukiem"
    try:
        known = conninfo_to_dict(value)
    except psycopg.Error as error:
        raise StackError(
            f"{POSTGRES} is no connection string of PostgreSQL: {' '.join(str(error).split())}", mend
        ) from None
    if not known.get("dbname"):
        raise StackError(f"{POSTGRES} names no database.", mend)


def _looks_like_an_issuer(value: str) -> None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise StackError(
            f"{ISSUER}={value} is no URL of an issuer.", f"Write for example {ISSUER}=https://id.example/realms/haukiem"
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise StackError(
            f"{ISSUER}={value}: over plain http an issuer is believed on this machine alone.", "Name its https address."
        )


_LOOKS: Mapping[str, Callable[[str], None]] = {
    KAFKA: _looks_like_kafka,
    POSTGRES: _looks_like_postgres,
    ISSUER: _looks_like_an_issuer,
}
