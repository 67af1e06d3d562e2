"""Starts the parts of an instance in order, watches them, brings back what dies, and stops all in reverse order.

Knows nothing of what the parts are: see :mod:`deploy.local.parts`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from deploy.local import leftovers
from deploy.local.errors import StackError
from deploy.local.instance import Instance
from deploy.local.logfiles import rotate
from deploy.local.parts import Stages
from deploy.local.processes import Identity, Part, Running, describe_exit, start, tail
from deploy.local.status import PartState, PartStatus, StackState, Status, write_status

TICK = 0.1
FIRST_BACK_OFF, LONGEST_BACK_OFF = 0.5, 30.0
STEADY_SECONDS = 60.0
"""A part that was ready this long starts again with the shortest back-off."""
TRIES_AT_START = 2
"""How often a part may fail before the stack was ever up; then the start itself has failed."""
LIVE_EVERY, LIVE_MISSES = 5.0, 6
ROTATE_EVERY = 5.0


@dataclass
class Watched:
    """One part and what has become of it."""

    part: Part
    state: PartState = PartState.WAITING
    running: Running | None = None
    since: datetime | None = None
    restarts: int = 0
    said: str = ""
    failures: int = 0
    """In a row, without having been steady between."""
    moved: float = field(default_factory=time.monotonic)
    """When the state last changed."""
    again_at: float = 0.0
    probe_at: float = 0.0
    misses: int = 0

    def status(self) -> PartStatus:
        running = self.running
        return PartStatus(
            name=self.part.name, state=self.state, address=self.part.address, log=self.part.log,
            pid=running.identity.pid if running and running.alive else None,
            since=self.since, restarts=self.restarts, said=self.said,
        )  # fmt: skip


class Supervisor:
    """Runs one instance until SIGTERM. :meth:`run` returns 0 after an orderly stop, 1 when the first start failed."""

    def __init__(self, instance: Instance, stages: Stages) -> None:
        self.instance = instance
        self.stages = [[Watched(part) for part in stage] for stage in stages]
        self.watched = [part for stage in self.stages for part in stage]
        self.state = StackState.STARTING
        self.message = ""
        self.stop_asked = False
        self._me = Identity.of(os.getpid()) or Identity(os.getpid(), time.time())
        self._rotate_at = 0.0
        self._saying = threading.Lock()

    def run(self) -> int:
        signal.signal(signal.SIGTERM, self._ask_stop)
        signal.signal(signal.SIGINT, self._ask_stop)
        self._take_over()
        self._say("starting")
        while not self.stop_asked and self.state is not StackState.FAILED:
            self._tick()
            time.sleep(TICK)
        failed = self.state is StackState.FAILED
        self._stop_all()
        self.state = StackState.FAILED if failed else StackState.DOWN
        self._say("failed" if failed else "down")
        return 1 if failed else 0

    def _ask_stop(self, *_: object) -> None:
        self.stop_asked = True

    def _take_over(self) -> None:
        adopted = leftovers.take_over(self.instance, [watched.part for watched in self.watched])
        for watched in self.watched:
            if (running := adopted.get(watched.part.name)) is not None:
                watched.running = running
                watched.since = datetime.fromtimestamp(running.identity.started, UTC)
                self._move(watched, PartState.STARTING)
                self._say(f"{watched.part.name} was taken over from a supervisor that died")

    # --- the watch

    def _tick(self) -> None:
        for stage in self.stages:
            self._start_waiting(stage)
            for watched in stage:
                self._watch(watched)
                if self.stop_asked or self.state is StackState.FAILED:
                    return
            if self.state is StackState.STARTING and any(not _is_through(watched) for watched in stage):
                break
        else:
            if self.state is StackState.STARTING:
                self.state = StackState.UP
                self._say("up")
        if time.monotonic() >= self._rotate_at:
            self._rotate_at = time.monotonic() + ROTATE_EVERY
            for watched in self.watched:
                rotate(watched.part.log)

    def _watch(self, watched: Watched) -> None:
        now = time.monotonic()
        if watched.state is PartState.RESTARTING and now >= watched.again_at:
            self._start(watched)
        elif watched.state is PartState.STARTING:
            self._watch_start(watched, now)
        elif watched.state is PartState.READY:
            self._watch_ready(watched, now)

    def _start_waiting(self, stage: list[Watched]) -> None:
        """Side by side: the first start of a server makes its data, which takes seconds."""
        waiting = [watched for watched in stage if watched.state is PartState.WAITING]
        if waiting:
            with ThreadPoolExecutor(len(waiting)) as pool:
                list(pool.map(self._start, waiting))

    def _start(self, watched: Watched) -> None:
        try:
            watched.running = start(watched.part, leftovers.mark(self.instance, watched.part.name))
            leftovers.note(self.instance, watched.running)
        except StackError as error:
            self._failed(watched, str(error))
            return
        watched.since = datetime.now(UTC)
        self._move(watched, PartState.STARTING, watched.said)

    def _watch_start(self, watched: Watched, now: float) -> None:
        part, running = watched.part, watched.running
        assert running is not None
        if part.once:
            if not running.alive and running.exit_code == 0:
                self._move(watched, PartState.DONE)
                return
        elif running.alive and part.ready():
            self._move(watched, PartState.READY, watched.said)
            return
        if not running.alive:
            self._failed(watched, f"ended before it was ready ({describe_exit(running.exit_code)})")
        elif now - watched.moved > part.patience:
            running.kill()
            self._failed(watched, f"was not ready after {part.patience:.0f} s")

    def _watch_ready(self, watched: Watched, now: float) -> None:
        part, running = watched.part, watched.running
        assert running is not None
        if not running.alive:
            if now - watched.moved > STEADY_SECONDS:
                watched.failures = 0
            self._failed(watched, f"died ({describe_exit(running.exit_code)})")
        elif part.live is not None and now >= watched.probe_at:
            watched.misses = 0 if part.live() else watched.misses + 1
            watched.probe_at = time.monotonic() + LIVE_EVERY
            if watched.misses >= LIVE_MISSES:
                running.kill()
                self._failed(watched, f"made no progress for {LIVE_EVERY * LIVE_MISSES:.0f} s and was ended")

    def _failed(self, watched: Watched, what: str) -> None:
        watched.failures += 1
        watched.misses = 0
        name = watched.part.name
        if self.state is StackState.STARTING and (watched.part.once or watched.failures >= TRIES_AT_START):
            self.message = f"{name} {what}.\n  {tail(watched.part.log)}"
            self.state = StackState.FAILED
            self._move(watched, PartState.STOPPED, what)
            return
        pause = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** (watched.failures - 1))
        watched.again_at = time.monotonic() + pause
        watched.restarts += 1
        self._move(watched, PartState.RESTARTING, f"{what}; started again after {pause:g} s")

    # --- the end

    def _stop_all(self) -> None:
        if self.state is not StackState.FAILED:
            self.state = StackState.STOPPING
            self._say("stopping")
        for stage in reversed(self.stages):
            stopping = [watched for watched in stage if watched.running is not None]
            for watched in stopping:
                assert watched.running is not None
                watched.running.signal_stop()
            for watched in stopping:
                assert watched.running is not None
                watched.running.await_stop()
                leftovers.forget(self.instance, watched.part.name)
                self._move(watched, PartState.STOPPED, watched.said)

    # --- what is said

    def _move(self, watched: Watched, state: PartState, said: str = "") -> None:
        watched.state, watched.said, watched.moved = state, said, time.monotonic()
        self._say(f"{watched.part.name} {state}" + (f": {said}" if said else ""))

    def _say(self, what: str) -> None:
        """To the log and to the status file; a full disk must not end the watch."""
        with self._saying:
            print(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {what}", flush=True)
            status = Status(
                instance=self.instance.name,
                state=self.state,
                pid=self._me.pid,
                started=self._me.started,
                message=self.message,
                parts=tuple(watched.status() for watched in self.watched),
            )
            try:
                write_status(self.instance.status_file, status)
            except StackError as error:
                print(error, flush=True)


def _is_through(watched: Watched) -> bool:
    return watched.state in (PartState.READY, PartState.DONE)
