"""What one can do with a stack: up, status, logs, down, clean. The command line and the demo call these functions."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from deploy.local import clockfile, jars, leftovers, outside
from deploy.local.errors import StackError, explain_os_error
from deploy.local.instance import PROJECT, ROOT, Instance
from deploy.local.logfiles import follow, show
from deploy.local.parts import ports_of
from deploy.local.ports import Taken, taken_ports
from deploy.local.processes import Identity, tail, wait_until
from deploy.local.settings import MAIN, Asked, Plan, Settings, port_variable
from deploy.local.status import PartState, StackState, Status, read_status

Say = Callable[[str], None]
START_SECONDS = 300.0
STOP_SECONDS = 90.0
_LETTING_GO_SECONDS = 5.0
# PostgreSQL's and Kafka's first files, and room for them to work.
_NEEDED_BYTES = 500_000_000


def up(
    instance: Instance,
    *,
    brokers: int | None = None,
    split: bool | None = None,
    clock: datetime | None = None,
    log_level: str | None = None,
    say: Say = print,
    environ: Mapping[str, str] = os.environ,
) -> Status:
    """Bring ``instance`` up in the background and return when every part is ready; when it is up already, only say so.

    ``clock`` sets the sandbox clock of an empty instance. Raises :class:`StackError` for whatever stands in the way; then nothing
    is left running that was not running before, and no setting that cannot be is remembered. From the moment it begins to start,
    it is the stack that commands speak to.
    """
    asked = Asked(brokers, split, True if clock is not None else None, log_level)
    instance.settle(asked, environ)  # what cannot be is refused before as much as a folder is made
    with _one_at_a_time(instance):
        status = current_status(instance)
        plan = instance.settle(asked, environ)
        if status is not None and status.supervised and status.state in (StackState.UP, StackState.STARTING):
            _check_same(instance, plan, clock)
            instance.make_current()
        else:
            _check_machine(instance, plan.settings)
            _look_for_new(instance, plan)
            if clock is not None:
                clockfile.set_clock(instance.clock_file, clock, empty=not instance.has_data)
            instance.keep(plan)
            instance.make_current()
            _fetch(instance)
            _spawn(instance)
        return _follow_start(instance, say)


def current_status(instance: Instance) -> Status | None:
    """What the supervisor said last; ``None`` when the instance never ran."""
    return read_status(instance.status_file)


def down(instance: Instance, say: Say = print) -> None:
    """Stop every process of ``instance``, supervised or left over, in order. Nothing happens to what is not running."""
    status = current_status(instance)
    if status is not None and status.supervised:
        say(f"{instance.name}: stopping")
        supervisor = Identity(status.pid, status.started)
        if (process := supervisor.process()) is not None:
            process.terminate()
        if not wait_until(lambda: not supervisor.alive, STOP_SECONDS, step=0.1):
            supervisor.kill()
    if count := leftovers.end_all(instance):
        say(f"{instance.name}: ended {count} processes that a dead supervisor left")
    say(f"{instance.name} is down; its data stays in {instance.folder}")


def clean(instance: Instance, say: Say = print) -> None:
    """Stop ``instance`` and remove its folder with all data."""
    down(instance, say=lambda _: None)
    try:
        shutil.rmtree(instance.folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise explain_os_error(error, f"removing {instance.folder}") from error
    instance.forget_current()
    say(f"{instance.name}: removed {instance.folder}")


def instances(root: Path = ROOT) -> list[Instance]:
    """Every instance under ``root``, ``main`` first."""
    names = [path.parent.name for path in root.glob("*/instance.json")]
    return [Instance(name, root) for name in sorted(names, key=lambda name: (name != MAIN, name))]


def log_files(instance: Instance, part: str | None = None) -> list[Path]:
    """The log of a part, or all logs. Raises :class:`StackError` for a part without a log."""
    logs = sorted(instance.logs.glob("*.log"))
    if part is not None:
        logs = [log for log in logs if log.stem == part]
        if not logs:
            known = ", ".join(sorted(log.stem for log in instance.logs.glob("*.log"))) or "none yet"
            raise StackError(f"{instance.name} has no log of {part}.", f"There is: {known}")
    return logs


def logs(instance: Instance, part: str | None = None, *, lines: int = 20, following: bool = False) -> None:
    """Print the end of one log or of all; with ``following``, go on until interrupted."""
    files = log_files(instance, part)
    show(files, lines=lines)
    if following:
        follow(files)


# --- the steps of up


def _check_same(instance: Instance, plan: Plan, clock: datetime | None) -> None:
    """A running stack is not changed by a second ``up`` that asks for something else: say what would change it."""
    name, runs = instance.name, instance.settings
    if plan.settings.brokers != runs.brokers:
        raise StackError(
            f"{name} is up already, with BROKERS={runs.brokers}, and the number stays as long as the data.",
            f"Remove the data: haukiem clean -i {name}; or start another stack beside it: "
            f"haukiem up -i NAME --brokers {plan.settings.brokers}",
        )
    if clock is not None and not (runs.clock and clockfile.read_clock(instance.clock_file) == clock):
        stands = f"its clock at {clockfile.told(instance.clock_file)}" if runs.clock else "on wall time"
        raise StackError(
            f"{name} is up already, {stands}. A sandbox clock is set on an empty stack only.",
            f"{'Move it: haukiem clock forward --to INSTANT; or remove' if runs.clock else 'Remove'} the data: "
            f"haukiem clean -i {name}; or start another stack beside it: haukiem up -i NAME --clock INSTANT",
        )
    differs = {
        "split": plan.settings.split != runs.split,
        "the log level": plan.settings.log_level != runs.log_level,
        "the ports": plan.settings.ports != runs.ports,
        "the servers from outside": plan.outside != instance.outside,
    }
    if any(differs.values()):
        what = " and ".join(what for what, other in differs.items() if other)
        raise StackError(
            f"{name} is up already, and this would change {what}.",
            f"Stop it, its data stays: haukiem down -i {name}; then start it so.",
        )


def _look_for_new(instance: Instance, plan: Plan) -> None:
    """Servers from outside that it has not run on yet must answer, before they are remembered."""
    known = instance.outside if instance.exists else {}
    outside.look_for({name: value for name, value in plan.outside.items() if known.get(name) != value})


def _fetch(instance: Instance) -> None:
    if not instance.settings.kafka:
        jars.ensure(jars.print_progress)


def _check_machine(instance: Instance, settings: Settings) -> None:
    """Say what is missing before anything starts: room on the disk, and ports that nobody else holds."""
    free = shutil.disk_usage(instance.folder).free
    if free < _NEEDED_BYTES:
        raise StackError(
            f"The disk is full: {free / 1e6:.0f} MB free at {instance.folder}, {_NEEDED_BYTES / 1e6:.0f} MB wanted.",
            "Free some space, then try again.",
        )
    if leftovers.records(instance):
        return  # these hold their ports; the supervisor takes them over
    # What was killed a moment ago may still be letting go of its port.
    wait_until(lambda: all(one.seen for one in taken_ports(ports_of(settings))), _LETTING_GO_SECONDS, step=0.1)
    if taken := taken_ports(ports_of(settings)):
        raise _ports_are_taken(instance, taken)


def _ports_are_taken(instance: Instance, taken: list[Taken]) -> StackError:
    """All of them at once, by whom, and what works: beside another stack of ours that is a stack of another name."""
    choose = " ".join(f"{port_variable(one.name)}=<port>" for one in taken)
    again = "make up" if instance.name == MAIN else f"haukiem up -i {instance.name}"
    mend = f"End what holds {'it' if len(taken) == 1 else 'them'}, or choose other ports: {choose} {again}"
    if instance.name == MAIN and any(one.stack for one in taken):
        mend = f"Start this one beside it, on free ports: haukiem up -i NAME (any name but {MAIN})\n  {mend}"
    return StackError("\n".join(str(one) for one in taken), mend)


def _spawn(instance: Instance) -> None:
    """Start the supervisor in a session of its own: it outlives this terminal."""
    instance.status_file.unlink(missing_ok=True)
    with (instance.logs / "supervisor.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.supervise", str(instance.root), instance.name],
            cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            # Whatever the terminal's encoding is: what parts say is UTF-8.
            env={**os.environ, "PYTHONUTF8": "1"},
        )  # fmt: skip
    if not wait_until(lambda: current_status(instance) is not None or child.poll() is not None, 30.0):
        child.kill()
    if current_status(instance) is None:
        raise StackError(f"The supervisor of {instance.name} did not start.", tail(instance.logs / "supervisor.log"))


def _follow_start(instance: Instance, say: Say) -> Status:
    """Tell what becomes ready, until all is."""
    told: dict[str, tuple[PartState, str]] = {}
    began = time.monotonic()
    while True:
        status = current_status(instance)
        if status is None:
            raise StackError(
                f"The supervisor of {instance.name} left no status.", tail(instance.logs / "supervisor.log")
            )
        for part in status.parts:
            if told.get(part.name) != (part.state, part.said) and part.state is not PartState.WAITING:
                told[part.name] = (part.state, part.said)
                if part.state is not PartState.STARTING or part.said:
                    say(
                        f"{time.monotonic() - began:5.1f} s  {part.name} {part.state}{f': {part.said}' if part.said else ''}"
                    )
        if status.state is StackState.UP and status.supervised:
            return status
        if not status.supervised:
            raise StackError(
                status.message or f"The supervisor of {instance.name} ended.",
                "" if status.message else tail(instance.logs / "supervisor.log"),
            )
        if time.monotonic() - began > START_SECONDS:
            raise StackError(f"{instance.name} was not up after {START_SECONDS:.0f} s.", "See: make status, make logs")
        time.sleep(0.1)


@contextmanager
def _one_at_a_time(instance: Instance) -> Iterator[None]:
    """Two ``up`` at once: the second waits, then finds the stack up."""
    try:
        instance.make_folders()
        with (instance.folder / "up.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise explain_os_error(error, f"preparing {instance.folder}") from error
