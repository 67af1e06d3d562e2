"""TCP ports on loopback: a free one, and who holds one that is taken."""

from __future__ import annotations

import random
import socket

import psutil

from deploy.local.errors import StackError

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


def holder(port: int) -> psutil.Process | None:
    """The process that listens on ``port``, when the system lets us see it."""
    for process in psutil.process_iter():
        try:
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                    return process
        except psutil.Error:
            continue
    return None


def taken_message(port: int, part: str, variable: str) -> StackError:
    """Says that ``part`` cannot have ``port``, by whom it is held, and how to choose another."""
    process = holder(port)
    by = "another program"
    if process is not None:
        try:
            by = f"process {process.pid} ({' '.join(process.cmdline()[:4]) or process.name()})"
        except psutil.Error:
            by = f"process {process.pid}"
    return StackError(
        f"Port {port} for {part} is taken by {by}.", f"End it, or choose another port: {variable}=<port> make up"
    )
