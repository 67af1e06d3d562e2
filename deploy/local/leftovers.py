"""What a dead supervisor left running: known by process id and start time, taken over or ended, and nothing else touched."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.instance import Instance, read_json, write_atomically
from deploy.local.processes import Identity, Part, Running, marked, wait_until

GRACE = 25.0
"""Seconds a process may take to stop before it is killed."""


@dataclass(frozen=True)
class Record:
    """A started part, as it is noted in the run folder."""

    identity: Identity
    fingerprint: str
    stop_signal: signal.Signals


def mark(instance: Instance, part: str) -> str:
    """The value of ``HAUKIEM_PART`` for a part; unique on this machine."""
    return f"{instance.folder.resolve()}#{part}"


def note(instance: Instance, running: Running) -> None:
    """Remember a started part."""
    text = json.dumps(
        {
            "pid": running.identity.pid,
            "started": running.identity.started,
            "fingerprint": running.part.fingerprint,
            "stop": running.part.stop_signal.value,
        }
    )
    write_atomically(_file(instance, running.part.name), text)


def forget(instance: Instance, part: str) -> None:
    _file(instance, part).unlink(missing_ok=True)


def records(instance: Instance) -> dict[str, Record]:
    """The noted parts whose processes still live."""
    found = {}
    for path in instance.run.glob("part-*.json"):
        known = read_json(path)
        if known is None:
            continue
        with suppress(KeyError, TypeError, ValueError):
            identity = Identity(int(str(known["pid"])), float(str(known["started"])))
            if identity.alive:
                stop = signal.Signals(int(str(known["stop"])))
                found[path.stem.removeprefix("part-")] = Record(identity, str(known["fingerprint"]), stop)
    return found


def take_over(instance: Instance, parts: Iterable[Part]) -> dict[str, Running]:
    """Adopt the living parts that were started exactly as they would be now; end every other process of this instance."""
    known = records(instance)
    adopted = {
        part.name: Running(part, known[part.name].identity)
        for part in parts
        if not part.once and part.name in known and known[part.name].fingerprint == part.fingerprint
    }
    keep = {running.identity.pid for running in adopted.values()}
    end_processes([record for record in known.values() if record.identity.pid not in keep])
    end_processes(strays(instance, keep))
    return adopted


def end_all(instance: Instance) -> int:
    """End every process of this instance; returns how many there were."""
    noted = list(records(instance).values())
    end_processes(noted)
    others = strays(instance, set())
    end_processes(others)
    return len(noted) + len(others)


def strays(instance: Instance, keep: set[int]) -> list[Record]:
    """Processes that carry this instance's mark and were never noted, without the children of those that do or are kept."""
    ours = {identity.pid: identity for _, identity in marked(mark(instance, ""))}
    found = []
    for pid, identity in ours.items():
        try:
            parent = psutil.Process(pid).ppid()
        except psutil.Error:
            continue
        if pid not in keep and parent not in keep and parent not in ours:
            found.append(Record(identity, "", signal.SIGTERM))
    return found


def end_processes(found: list[Record]) -> None:
    """All are asked first, so that they stop side by side."""
    for record in found:
        process = record.identity.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(record.stop_signal)
    for record in found:
        if not wait_until(lambda record=record: not record.identity.alive, GRACE):  # type: ignore[misc]
            record.identity.kill()


def _file(instance: Instance, part: str) -> Path:
    return instance.run / f"part-{part}.json"
