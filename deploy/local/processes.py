"""Processes we start: what they are, how to know one again after a crash, how to end it and no other."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.local.errors import StackError

MARK = "HAUKIEM_PART"
"""Environment variable by which a process of ours is known: ``<instance folder>#<part>``."""

# The start time of a process, as the system reports it, moves a little when the machine's clock is corrected.
_START_TOLERANCE = 2.0
_LONGEST_LINE = 300


@dataclass(frozen=True)
class Identity:
    """A process, not just a number: process ids are used again, but not with the same start time (seconds since 1970)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process ``pid``, or None when there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    def process(self) -> psutil.Process | None:
        """The process itself, or None when it has ended or the number now belongs to another."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > _START_TOLERANCE or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.Error:
            return None
        return process

    @property
    def alive(self) -> bool:
        return self.process() is not None

    def kill(self) -> None:
        """Kill it (SIGKILL) and wait until it is gone; nothing happens to a process that only has its number."""
        process = self.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(lambda: not self.alive, 10.0)


def inherited() -> dict[str, str]:
    """The shell's environment without what configures us or the servers: a part is configured by its own lines alone."""
    # Without kept bytecode most of each start would be compiling the same modules anew.
    ours = ("HAUKIEM_", "PG", "KAFKA_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@dataclass(frozen=True)
class Part:
    """One process of the stack: how to start it, when it is ready, how to stop it."""

    name: str
    command: tuple[str, ...]
    log: Path
    cwd: Path
    env: Mapping[str, str] = field(default_factory=inherited)
    before: Callable[[], None] = lambda: None
    """Run before each start: makes folders, writes configuration. May raise :class:`StackError`."""
    ready: Callable[[], bool] = lambda: True
    live: Callable[[], bool] | None = None
    """Whether a ready part still makes progress; None where only its end tells."""
    once: bool = False
    """Whether it is a step that ends, with exit code 0, rather than a server."""
    address: str = ""
    user: tuple[int, int] | None = None
    """The user and group id to run as, when that is not our own."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 20.0
    """Seconds it may take to stop before it is killed."""
    patience: float = 120.0
    """Seconds it may take to become ready, on a machine with much else to do; one that dies is noticed at once."""

    @property
    def fingerprint(self) -> str:
        """What we start it with. A process left by a dead supervisor is taken over only when this is the same; what differs in the
        rest of the environment (the terminal, the working folder) does not matter."""
        ours = sorted((name, value) for name, value in self.env.items() if name.startswith("HAUKIEM_"))
        told = json.dumps([self.command, str(self.cwd), ours])
        return hashlib.sha256(told.encode()).hexdigest()


class Running:
    """A started part: a child of ours, or one adopted from a supervisor that died."""

    def __init__(self, part: Part, identity: Identity, child: subprocess.Popen[bytes] | None = None) -> None:
        self.part = part
        self.identity = identity
        self._child = child

    @property
    def alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self.identity.alive

    @property
    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None while it runs, or when it was not our child."""
        return self._child.poll() if self._child is not None else None

    def signal_stop(self) -> None:
        """Ask it to stop; returns at once."""
        process = self.identity.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(self.part.stop_signal)

    def stop(self) -> None:
        """Ask it to stop, wait for its grace, then kill it."""
        self.signal_stop()
        self.await_stop()

    def await_stop(self) -> None:
        """Wait for its grace until it has stopped, then kill it."""
        if not wait_until(lambda: not self.alive, self.part.grace):
            self.kill()

    def kill(self) -> None:
        """Kill it (SIGKILL) and wait until it is gone."""
        self.identity.kill()
        wait_until(lambda: not self.alive, 10.0)


def start(part: Part, mark: str = "") -> Running:
    """Start ``part``; its output is appended to its log. Raises :class:`StackError` when the program cannot be run."""
    part.before()
    part.log.parent.mkdir(parents=True, exist_ok=True)
    user, group = part.user or (None, None)
    with part.log.open("ab") as log:
        try:
            child = subprocess.Popen(
                part.command,
                cwd=part.cwd,
                env={**part.env, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Its own session: a Ctrl-C at the keyboard goes to us, and we stop the parts in order.
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=[] if part.user else None,
            )
        except OSError as error:
            raise StackError(f"{part.name} could not be started: {error}") from error
    identity = Identity.of(child.pid)
    return Running(part, identity or Identity(child.pid, time.time()), child)


def wait_ready(running: Running, tick: Callable[[], None] = lambda: None) -> None:
    """Wait until the part is ready. Raises :class:`StackError` with the end of its log when it dies or takes too long."""
    part = running.part
    deadline = time.monotonic() + part.patience
    while not part.ready():
        if not running.alive:
            raise StackError(
                f"{part.name} ended before it was ready ({describe_exit(running.exit_code)}).", tail(part.log)
            )
        if time.monotonic() > deadline:
            raise StackError(f"{part.name} was not ready after {part.patience:.0f} s.", tail(part.log))
        tick()
        time.sleep(0.05)


def wait_until(condition: Callable[[], bool], seconds: float, step: float = 0.02) -> bool:
    """Whether ``condition`` came true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def describe_exit(code: int | None) -> str:
    """An exit code in words."""
    if code is None:
        return "exit code unknown"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def tail(log: Path, lines: int = 12) -> str:
    """The end of a log, and where the rest is."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
            end = [_readable(line) for line in file.read().decode("utf-8", "replace").splitlines()[-lines:]]
    except OSError:
        end = []
    return "\n  ".join([f"The end of {log}:", *end]) if end else f"Its log {log} is empty."


def _readable(line: str) -> str:
    """A line of a log, cut to a length one reads; of a JSON line with an exception, what happened and its last cause."""
    with suppress(ValueError, KeyError, IndexError, TypeError):
        entry = json.loads(line)
        cause = entry["exception"][-1]
        line = f"{entry.get('level', 'error')}: {entry['event']}: {cause['exc_type']}: {cause['exc_value']}"
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} …"


def marked(prefix: str) -> list[tuple[str, Identity]]:
    """Every running process whose mark begins with ``prefix``: (mark, process). Finds what a killed supervisor had no time to note."""
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARK, "")
            if mark.startswith(prefix) and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append((mark, Identity(process.pid, process.create_time())))
        except (psutil.Error, OSError):
            continue
    return found
