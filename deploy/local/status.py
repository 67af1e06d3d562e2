"""What the supervisor says of its parts, in a file that anyone may read while it runs and after it died."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.local.instance import write_atomically
from deploy.local.processes import Identity


class PartState(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    STOPPED = "stopped"


class StackState(StrEnum):
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    DOWN = "down"
    FAILED = "failed"


class PartStatus(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    state: PartState
    address: str
    log: Path
    pid: int | None
    since: datetime | None
    """When it was started last (wall time)."""
    restarts: int
    said: str
    """What happened last, when it was not what should happen."""


class Status(BaseModel):
    model_config = ConfigDict(frozen=True)

    instance: str
    state: StackState
    pid: int
    started: float
    message: str
    parts: tuple[PartStatus, ...]

    @property
    def supervised(self) -> bool:
        """Whether the supervisor that wrote this still lives."""
        return Identity(self.pid, self.started).alive

    def part(self, name: str) -> PartStatus | None:
        return next((part for part in self.parts if part.name == name), None)


def read_status(path: Path) -> Status | None:
    """The last thing said, or None when nothing was."""
    try:
        return Status.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_status(path: Path, status: Status) -> None:
    write_atomically(path, status.model_dump_json(indent=1))
