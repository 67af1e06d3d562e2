"""``python -m tests.platform.sleepers <root>``: a supervisor of two trivial parts, for tests that kill it."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.local.instance import Instance
from deploy.local.parts import Stages
from deploy.local.processes import Part
from deploy.local.supervisor import Supervisor

# Writes that it stands, then waits to be stopped; its output proves each start.
_SLEEP = "import pathlib, sys, time; print('started', flush=True); pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"


def instance_at(root: Path) -> Instance:
    return Instance("sleepers", root)


def sleeper(instance: Instance, name: str, code: str = _SLEEP, **more: object) -> Part:
    """A part that is ready once it has made its file."""
    ready = instance.folder / f"{name}.ready"
    part = Part(
        name=name,
        command=(sys.executable, "-c", code, str(ready)),
        log=instance.logs / f"{name}.log",
        cwd=instance.folder,
        before=lambda: ready.unlink(missing_ok=True),
        ready=ready.exists,
        grace=5.0,
    )
    return Part(**{**vars(part), **more})


def stages(instance: Instance) -> Stages:
    return (sleeper(instance, "first"),), (sleeper(instance, "second"),)


if __name__ == "__main__":
    where = instance_at(Path(sys.argv[1]))
    where.make_folders()
    sys.exit(Supervisor(where, stages(where)).run())
