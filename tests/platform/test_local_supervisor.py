"""The supervisor, with parts that do nothing but stand: order, restarts, kill -9 of anything, and who is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import leftovers
from deploy.local.processes import Identity, start, wait_until
from deploy.local.stack import current_status, down
from deploy.local.status import PartState, PartStatus, StackState
from deploy.local.supervisor import Supervisor
from tests.platform.sleepers import instance_at, sleeper


class Stack:
    """A supervisor of sleepers in a process of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.instance = instance_at(root)
        self.said = root / "said.log"
        self.supervisor: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        self.instance.status_file.unlink(missing_ok=True)
        with self.said.open("ab") as said:
            command = [sys.executable, "-m", "tests.platform.sleepers", str(self.root)]
            self.supervisor = subprocess.Popen(command, stdout=said)
        self.until(lambda: self.state is StackState.UP)

    def kill_supervisor(self) -> None:
        assert self.supervisor is not None
        self.supervisor.kill()
        self.supervisor.wait()

    @property
    def state(self) -> StackState | None:
        status = current_status(self.instance)
        return status.state if status else None

    def part(self, name: str) -> PartStatus:
        status = current_status(self.instance)
        found = status.part(name) if status else None
        assert found is not None
        return found

    def pid(self, name: str) -> int:
        pid = self.part(name).pid
        assert pid is not None
        return pid

    def starts(self, name: str) -> int:
        return (self.instance.logs / f"{name}.log").read_text().count("started")

    def until(self, condition: Callable[[], bool]) -> None:
        assert wait_until(condition, 20.0), current_status(self.instance)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    if stack.supervisor is not None and stack.supervisor.poll() is None:
        stack.supervisor.kill()
        stack.supervisor.wait()
    leftovers.end_all(stack.instance)


def test_parts_start_in_order_and_stop_in_reverse(stack: Stack) -> None:
    stack.up()
    stack.supervisor.terminate()  # type: ignore[union-attr]
    assert stack.supervisor.wait(20) == 0  # type: ignore[union-attr]
    assert stack.state is StackState.DOWN
    assert leftovers.records(stack.instance) == {}
    said = [line.split(" ", 1)[1] for line in stack.said.read_text().splitlines()]
    assert said == [
        *("starting", "first starting", "first ready", "second starting", "second ready", "up"),
        *("stopping", "second stopped", "first stopped", "down"),
    ]


def test_a_killed_part_comes_back_and_it_is_said(stack: Stack) -> None:
    stack.up()
    killed = stack.pid("first")
    os.kill(killed, signal.SIGKILL)
    stack.until(lambda: stack.part("first").restarts == 1 and stack.part("first").state is PartState.READY)
    assert stack.pid("first") != killed
    assert "SIGKILL" in stack.part("first").said
    assert stack.starts("second") == 1


def test_after_kill_9_of_the_supervisor_the_next_one_takes_the_parts_over(stack: Stack) -> None:
    stack.up()
    pids = stack.pid("first"), stack.pid("second")
    stack.kill_supervisor()
    stack.up()
    assert (stack.pid("first"), stack.pid("second")) == pids
    os.kill(pids[1], signal.SIGKILL)  # and watches them, though they are not its children
    stack.until(lambda: stack.part("second").restarts == 1 and stack.part("second").state is PartState.READY)


def test_after_kill_9_of_everything_all_parts_start_again(stack: Stack) -> None:
    stack.up()
    pids = stack.pid("first"), stack.pid("second")
    stack.kill_supervisor()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    stack.until(lambda: not any(Identity(pid, 0.0).alive for pid in pids))
    stack.up()
    assert stack.starts("first") == stack.starts("second") == 2


def test_down_ends_what_a_dead_supervisor_left(stack: Stack) -> None:
    stack.up()
    left = [record.identity for record in leftovers.records(stack.instance).values()]
    assert len(left) == 2
    stack.kill_supervisor()
    down(stack.instance, say=lambda _: None)
    assert not any(identity.alive for identity in left)


def test_a_process_that_was_never_noted_is_found_by_its_mark_and_ended(tmp_path: Path) -> None:
    instance = instance_at(tmp_path)
    instance.make_folders()
    stray = start(sleeper(instance, "stray"), leftovers.mark(instance, "stray"))
    other = start(sleeper(instance, "other"), f"{tmp_path}/elsewhere#stray")
    try:
        assert leftovers.end_all(instance) == 1
        assert not stray.alive
        assert other.alive
    finally:
        other.kill()


def test_a_part_started_differently_is_not_taken_over_but_ended(tmp_path: Path) -> None:
    instance = instance_at(tmp_path)
    instance.make_folders()
    before = sleeper(instance, "part", env={"HAUKIEM_LOG_LEVEL": "INFO"})
    after = sleeper(instance, "part", env={"HAUKIEM_LOG_LEVEL": "DEBUG"})
    running = start(before, leftovers.mark(instance, "part"))
    leftovers.note(instance, running)
    assert leftovers.take_over(instance, [after]) == {}
    assert not running.alive


def test_a_number_that_now_belongs_to_another_process_is_left_alone(tmp_path: Path) -> None:
    instance = instance_at(tmp_path)
    instance.make_folders()
    bystander = start(sleeper(instance, "bystander"))
    try:
        stale = Identity(bystander.identity.pid, bystander.identity.started - 3_600)
        assert not stale.alive
        stale.kill()
        assert bystander.alive
    finally:
        bystander.kill()


def _run(supervisor: Supervisor) -> int:
    """The supervisor in this process; the signal handlers it sets are taken back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        return supervisor.run()
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def test_a_part_that_cannot_start_fails_the_start_with_the_end_of_its_log(tmp_path: Path) -> None:
    instance = instance_at(tmp_path)
    instance.make_folders()
    stands = sleeper(instance, "stands")
    breaks = sleeper(instance, "breaks", code="raise SystemExit('no such file: policy.toml')")
    assert _run(Supervisor(instance, ((stands,), (breaks,)))) == 1
    status = current_status(instance)
    assert status is not None
    assert status.state is StackState.FAILED
    assert "breaks ended before it was ready (exit code 1)" in status.message
    assert "no such file: policy.toml" in status.message
    assert leftovers.records(instance) == {}


def test_a_step_that_ends_well_lets_the_next_stage_start(tmp_path: Path) -> None:
    instance = instance_at(tmp_path)
    instance.make_folders()
    step = sleeper(instance, "step", code="print('migrated')", once=True)
    after = sleeper(instance, "after", code="raise SystemExit(1)")
    assert _run(Supervisor(instance, ((step,), (after,)))) == 1
    status = current_status(instance)
    assert status is not None
    assert status.message.startswith("after ")


def test_a_part_that_is_never_ready_is_given_up_after_its_patience(tmp_path: Path) -> None:
    instance = instance_at(tmp_path)
    instance.make_folders()
    asleep = sleeper(instance, "asleep", code="import time; time.sleep(600)", patience=0.3)
    assert _run(Supervisor(instance, ((asleep,),))) == 1
    status = current_status(instance)
    assert status is not None
    assert "asleep was not ready after 0 s" in status.message


def test_a_part_that_stands_but_makes_no_progress_is_ended_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.supervisor.LIVE_EVERY", 0.05)
    instance = instance_at(tmp_path)
    instance.make_folders()

    def live() -> bool:
        if supervisor.watched[0].restarts == 1:
            supervisor.stop_asked = True
            return True
        return False

    supervisor = Supervisor(instance, ((sleeper(instance, "stuck", live=live),),))
    assert _run(supervisor) == 0
    assert (instance.logs / "stuck.log").read_text().count("started") == 2
    assert "made no progress" in supervisor.watched[0].said
