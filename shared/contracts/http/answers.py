"""What every answer is made of: instants in one form, Vietnam's, whatever the form in which an event or a row has them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from pydantic import BaseModel, field_validator

from shared.contracts.base import Contract, Event

VIETNAM = timezone(timedelta(hours=7))


class Answer(Contract):
    """A value that is answered over HTTP. Its instants, at any depth, are written with the offset +07:00.

    What was published stays as it was: the data of an event keeps its bytes' form, since people check hashes against it.
    """

    @field_validator("*", mode="after")
    @classmethod
    def _in_vietnam(cls, value: Any) -> Any:
        return _shown(value)


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(VIETNAM)
    if isinstance(value, tuple):
        return tuple(map(_shown, value)) if any(isinstance(each, datetime | BaseModel) for each in value) else value
    if isinstance(value, BaseModel) and not isinstance(value, Answer | Event):
        told = {name: (was, _shown(was)) for name, was in value}
        changed = {name: now for name, (was, now) in told.items() if now is not was}
        return value.model_copy(update=changed) if changed else value
    return value
