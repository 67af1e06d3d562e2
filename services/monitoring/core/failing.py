"""When our own judging of one pilot raises: a defect of ours, known by the pilot on which it shows, so that nobody else pays for it."""

from __future__ import annotations

from types import TracebackType
from typing import Self
from uuid import UUID


class JudgingFailed(Exception):
    """Judging raised on ``pilot_id`` while ``doing`` (in words, for ops); the cause is chained. Nothing of it may be kept."""

    def __init__(self, pilot_id: UUID, doing: str) -> None:
        self.pilot_id = pilot_id
        self.doing = doing
        super().__init__(f"{doing} of pilot {pilot_id}")


class About:
    """What raises in the block is about ``pilot_id``: it leaves as :class:`JudgingFailed`.

    For pure work alone: of what touches the database or Kafka nobody knows whose fault it is. A process without memory says nothing of
    a pilot either.
    """

    __slots__ = ("_doing", "_pilot_id")

    def __init__(self, pilot_id: UUID, doing: str) -> None:
        self._pilot_id = pilot_id
        self._doing = doing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, JudgingFailed | MemoryError):
            raise JudgingFailed(self._pilot_id, self._doing) from error
