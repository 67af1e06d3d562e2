"""TCP ports on loopback: a free one, and who holds one that is taken."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.errors import StackError
from deploy.local.processes import MARK

LOOPBACK = "127.0.0.1"
# Below the range from which systems take the source ports of outgoing connections: a part that is restarted finds its port still free.
_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int, seconds: float = 0.5) -> bool:
    """Whether something accepts connections on ``port``."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=seconds):
            return True
    except OSError:
        return False


def free_port(taken: set[int] | None = None) -> int:
    """A port that nobody uses now, not in ``taken``; chosen at random so that stacks started side by side seldom collide."""
    avoid = taken or set()
    for _ in range(1_000):
        port = random.choice(_RANGE)  # noqa: S311 - not a secret
        if port not in avoid and is_free(port):
            return port
    raise StackError(
        "No free TCP port was found between 20000 and 32000.", "End some of the programs that listen there."
    )


@dataclass(frozen=True)
class Taken:
    """A port that somebody else holds. ``stack`` is the folder of the stack of ours that it is a part of, if it is."""

    name: str
    port: int
    by: str
    stack: Path | None = None
    seen: bool = True
    """Whether the holder was found: a process of somebody else's is not, nor one that is just being ended."""

    def __str__(self) -> str:
        return f"Port {self.port} for {self.name} is taken by {self.by}."


def taken_ports(wanted: Mapping[str, int]) -> list[Taken]:
    """Those of the ports that a part could not listen on now, each with who does."""
    busy = {name: port for name, port in wanted.items() if not is_free(port)}
    holders = _listeners(set(busy.values())) if busy else {}
    return [_taken(name, port, holders.get(port)) for name, port in busy.items()]


def _listeners(ports: set[int]) -> dict[int, psutil.Process]:
    """The processes that listen on these ports, as far as the system lets us see them."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port in ports:
                    # A server's children hold its socket too; the first, which is the oldest, is the server.
                    found.setdefault(connection.laddr.port, process)
        except psutil.Error:
            continue
    return found


def _taken(name: str, port: int, process: psutil.Process | None) -> Taken:
    if process is None:
        return Taken(name, port, "another program", seen=False)
    try:
        folder, _, part = process.environ().get(MARK, "").partition("#")
    except (psutil.Error, OSError):
        folder, part = "", ""
    if part:
        return Taken(
            name, port, f"{part} of the stack {Path(folder).name} in {Path(folder).parent.parent}", Path(folder)
        )
    try:
        return Taken(name, port, f"process {process.pid} ({' '.join(process.cmdline()[:4]) or process.name()})")
    except psutil.Error:
        return Taken(name, port, f"process {process.pid}")
