"""``Idempotency-Key``: the same key with the same body gives the same answer for ever; with another body, 409.

The answer is stored in the transaction of the effect. Scoped by caller and action; two requests with one key at once wait for each
other. What is refused is not remembered: the transaction rolls back, and the caller may mend the request and send it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from shared.contracts.errors import Refused
from shared.platform.db import Tx

HEADER = "Idempotency-Key"
_PATTERN = "^[!-~]([ -~]{0,126}[!-~])?$"
SCHEMA = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": _PATTERN}
"""The header as the OpenAPI document declares it."""

_WELL_FORMED = re.compile(_PATTERN)


@dataclass(frozen=True)
class Answer:
    """What is answered, now and each time the request is sent again."""

    status: int
    body: bytes
    content_type: str = "application/json"
    replayed: bool = False

    @classmethod
    def of(cls, model: BaseModel, status: int = 201) -> Answer:
        return cls(status, model.model_dump_json().encode())

    def response(self) -> Response:
        headers = {"Idempotency-Replayed": "true"} if self.replayed else {}
        return Response(self.body, self.status, headers, self.content_type)


@dataclass(frozen=True)
class Once:
    """One idempotent request: its key as the caller gave it, and the hash of the bytes that it sent."""

    key: str
    body_hash: str

    async def run(self, tx: Tx, *, caller: str, action: str, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do ``work`` in ``tx`` unless it was done: then give its stored answer. ``caller`` scopes the key (an enterprise, a person).

        Raises ``Refused`` (409, ``idempotency_key_reused``) when the key was used with another body, and whatever ``work`` raises.
        """
        # A second request with this key waits here until the first has committed (then it finds the row) or rolled back (then it works).
        claimed = await tx.execute(
            "insert into idempotency (caller, action, key, body_hash) values (%s, %s, %s, %s) on conflict do nothing",
            (caller, action, self.key, self.body_hash),
        )
        if claimed.rowcount == 0:
            return await self._stored(tx, caller, action)
        answer = await work()
        await tx.execute(
            "update idempotency set status = %s, body = %s, content_type = %s where caller = %s and action = %s and key = %s",
            (answer.status, answer.body, answer.content_type, caller, action, self.key),
        )
        return answer

    async def _stored(self, tx: Tx, caller: str, action: str) -> Answer:
        cursor = await tx.execute(
            "select body_hash, status, body, content_type from idempotency where caller = %s and action = %s and key = %s",
            (caller, action, self.key),
        )
        row = await cursor.fetchone()
        assert row is not None, "rows of this table are never deleted"
        if row["body_hash"] != self.body_hash:
            raise Refused("idempotency_key_reused", f"/header/{HEADER}", status=409)
        return Answer(row["status"], bytes(row["body"]), row["content_type"], replayed=True)


async def _once(request: Request, idempotency_key: Annotated[str | None, Header()] = None) -> Once:
    if idempotency_key is None or not _WELL_FORMED.fullmatch(idempotency_key):
        raise Refused("idempotency_key_missing", f"/header/{HEADER}", status=422)
    return Once(idempotency_key, hashlib.sha256(await request.body()).hexdigest())


Idempotent = Annotated[Once, Depends(_once)]
"""A handler's parameter ``once: Idempotent`` asks for an ``Idempotency-Key`` header of 1–128 printable characters."""
