"""``doctor``: is this machine able to run the stack? One line for each thing: what, how it stands, how to mend it."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from deploy.local import jars
from deploy.local.errors import StackError
from deploy.local.instance import Instance
from deploy.local.kafka import java
from deploy.local.parts import ports_of
from deploy.local.ports import taken_ports
from deploy.local.postgres import binaries
from deploy.local.settings import MAIN, port_variable
from deploy.local.status import read_status

Fetch = Callable[[jars.Jar, Path], Path]


class Verdict(StrEnum):
    OK = "ok"
    NOTE = "note"
    """Works, but is worth knowing."""
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    what: str
    verdict: Verdict
    state: str
    mend: str = ""


def examine(instance: Instance | None = None, fetch: Fetch = jars.fetch_with_jgo) -> list[Finding]:
    """Look at everything the stack needs. Changes nothing, and starts nothing but Java to ask its version."""
    chosen = instance or Instance(MAIN)
    return [*_python(), *_machine(chosen), *_programs(), *_jars(fetch), *_ports(chosen), *_stack(chosen)]


def _python() -> Iterator[Finding]:
    # An older one never comes this far: the Makefile looks for a newer, and says so.
    yield Finding("Python", Verdict.OK, f"{platform.python_version()} at {sys.executable}")


def _machine(instance: Instance) -> Iterator[Finding]:
    place = next(folder for folder in (instance.folder, *instance.folder.parents) if folder.exists())
    free = shutil.disk_usage(place).free / 1e9
    verdict = Verdict.OK if free >= 2 else Verdict.NOTE if free >= 0.5 else Verdict.BAD
    mend = "" if verdict is Verdict.OK else "Free some space: the stack wants about 2 GB."
    yield Finding("Disk", verdict, f"{free:.1f} GB free at {place}", mend)
    if not os.access(place, os.W_OK):
        yield Finding("Folder", Verdict.BAD, f"{place} cannot be written", "Run as the user who owns it.")
    memory = psutil.virtual_memory().available / 1e9
    verdict = Verdict.OK if memory >= 2 else Verdict.NOTE
    mend = (
        "" if verdict is Verdict.OK else "Close other programs: PostgreSQL, Kafka and the services want about 1.5 GB."
    )
    yield Finding("Memory", verdict, f"{memory:.1f} GB available", mend)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < 1024:
        yield Finding("Open files", Verdict.BAD, f"at most {files} a process", "Raise it: ulimit -n 4096")
    else:
        yield Finding("Open files", Verdict.OK, f"at most {files} a process")


def _programs() -> Iterator[Finding]:
    for what, find, program in (("PostgreSQL", binaries, "postgres"), ("Java", java, "")):
        try:
            path = find() / program
        except StackError as error:
            yield Finding(what, Verdict.BAD, error.what, error.mend)
            continue
        if os.access(path, os.X_OK):
            yield Finding(what, Verdict.OK, str(path))
        else:
            yield Finding(what, Verdict.BAD, f"{path} cannot be run", "Remove .venv, then: make up")


def _jars(fetch: Fetch) -> Iterator[Finding]:
    folder = jars.cache_folder() / "jars"
    locked = jars.read_lock()
    absent = jars.missing(locked, folder)
    if not absent:
        yield Finding("Kafka's jars", Verdict.OK, f"{len(locked)} in {folder}, hashes right")
        return
    broken = [jar for jar in absent if (folder / jar.filename).exists()]
    state = f"{len(absent)} of {len(locked)} missing in {folder}" + (
        f", {len(broken)} of them broken" if broken else ""
    )
    yield Finding("Kafka's jars", Verdict.NOTE, state, "make up fetches them.")
    smallest = min(absent, key=lambda jar: jar.size)
    try:
        jars.ensure(jars=(smallest,), folder=folder, fetch=fetch)
    except StackError as error:
        yield Finding("Network", Verdict.BAD, error.what, error.mend)
    else:
        yield Finding("Network", Verdict.OK, "the registry of the jars answers")


def _ports(instance: Instance) -> Iterator[Finding]:
    if not instance.exists:
        yield Finding("Ports", Verdict.NOTE, "chosen at the first start")
        return
    status = read_status(instance.status_file)
    if status is not None and status.supervised:
        yield Finding("Ports", Verdict.OK, f"held by the stack {instance.name} itself")
        return
    taken = taken_ports(ports_of(instance.settings))
    for one in taken:
        yield Finding("Port", Verdict.BAD, str(one), f"End it, or choose another: {port_variable(one.name)}=<port>")
    if not taken:
        yield Finding("Ports", Verdict.OK, "all free")


def _stack(instance: Instance) -> Iterator[Finding]:
    status = read_status(instance.status_file)
    if status is None:
        yield Finding("Stack", Verdict.NOTE, f"{instance.name} was never started", "Start it: make up")
    elif not status.supervised and any(part.pid for part in status.parts):
        yield Finding("Stack", Verdict.NOTE, f"the supervisor of {instance.name} died", "make up takes its parts over.")
    else:
        yield Finding("Stack", Verdict.OK, f"{instance.name} is {status.state}")
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if limit != resource.RLIM_INFINITY and limit < 64 * 1024:
        yield Finding(
            "Locked memory", Verdict.NOTE, f"at most {limit} bytes", "Raise it if PostgreSQL says so: ulimit -l"
        )
