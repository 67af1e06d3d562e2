"""What a dead supervisor left running: known by process id and start time, taken over or ended, and nothing else touched."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.local.instance import Instance, read_json, write_atomically
from deploy.local.processes import Identity, Part, Running, marked


@dataclass(frozen=True)
class Record:
    """A started part, as it is noted in the run folder."""

    identity: Identity
    fingerprint: str


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
                found[path.stem.removeprefix("part-")] = Record(identity, str(known["fingerprint"]))
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
    end_processes([record.identity for record in known.values() if record.identity.pid not in keep])
    end_processes(strays(instance, keep))
    return adopted


def end_all(instance: Instance) -> int:
    """End every process of this instance; returns how many there were."""
    noted = [record.identity for record in records(instance).values()]
    end_processes(noted)
    others = strays(instance, set())
    end_processes(others)
    return len(noted) + len(others)


def strays(instance: Instance, keep: set[int]) -> list[Identity]:
    """Processes that carry this instance's mark and were never noted, without the children of those that do or are kept."""
    ours = {identity.pid: identity for _, identity in marked(mark(instance, ""))}
    found = []
    for pid, identity in ours.items():
        try:
            parent = psutil.Process(pid).ppid()
        except psutil.Error:
            continue
        if pid not in keep and parent not in keep and parent not in ours:
            found.append(identity)
    return found


def end_processes(identities: list[Identity]) -> None:
    """All are asked first, so that they stop side by side."""
    for identity in identities:
        process = identity.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
    for identity in identities:
        identity.end()


def _file(instance: Instance, part: str) -> Path:
    return instance.run / f"part-{part}.json"
