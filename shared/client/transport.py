"""One service over HTTP: bearer token, idempotency keys, retries, problem details, typed answers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ValidationError

from shared.client.errors import ApiProblem, Unreachable, Unreadable

M = TypeVar("M", bound=BaseModel)
Token = Callable[[], str | None]
"""Gives the bearer token of the moment; None to call without."""
Params = Mapping[str, str | int | bool | None]

_AWAY = frozenset({502, 503, 504})
_TOO_MANY = 429
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 2.0
_JSON = "application/json"


@dataclass(frozen=True)
class Patience:
    """How long a call is tried again while the service is away, in seconds of wall time."""

    seconds: float = 30.0


class Transport:
    """Calls to one service. A call is tried again only when sending it twice does no harm: reading, replacing, or with an idempotency
    key, which stays the same over all attempts of one call."""

    def __init__(
        self,
        service: str,
        base_url: str,
        token: Token,
        http: httpx.AsyncClient,
        patience: Patience | None = None,
        language: str = "en",
    ) -> None:
        self.service = service
        self.base_url = base_url.rstrip("/")
        self._token = token
        self._http = http
        self._patience = patience or Patience()
        self._language = language

    async def get(self, path: str, model: type[M], params: Params | None = None) -> M:
        """GET ``path``. Raises ``ApiProblem`` for a refusal, ``Unreachable`` when there is no answer."""
        return self._read(model, await self._call("GET", path, params=params))

    async def put(self, path: str, model: type[M], body: BaseModel) -> M:
        answer = await self._call("PUT", path, content=_json(body), headers={"Content-Type": _JSON})
        return self._read(model, answer)

    async def delete(self, path: str, model: type[M]) -> M:
        return self._read(model, await self._call("DELETE", path))

    async def post(
        self,
        path: str,
        model: type[M],
        body: BaseModel | None = None,
        *,
        key: str | None = None,
        params: Params | None = None,
    ) -> M:
        """POST with an ``Idempotency-Key``: ``key``, or one made for this call. With ``key`` a later call gives the same answer."""
        return await self.post_raw(path, model, _json(body), _JSON, key=key, params=params)

    async def post_raw(
        self,
        path: str,
        model: type[M],
        content: bytes,
        content_type: str,
        *,
        key: str | None = None,
        params: Params | None = None,
    ) -> M:
        """As :meth:`post`, with a body in another form than JSON of a model."""
        headers = {"Idempotency-Key": key or str(uuid4())} | ({"Content-Type": content_type} if content else {})
        answer = await self._call("POST", path, content=content, headers=headers, params=params)
        return self._read(model, answer)

    async def post_json(self, path: str, body: BaseModel | None = None) -> Any:
        """POST without an idempotency key: sent again only when it never arrived. The answer as JSON values."""
        headers = {} if body is None else {"Content-Type": _JSON}
        answer = await self._call("POST", path, content=_json(body) or None, headers=headers)
        return answer.json() if answer.content else None

    async def _call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Params | None = None,
    ) -> httpx.Response:
        again = method in ("GET", "PUT") or "Idempotency-Key" in (headers or {})
        query = {name: value for name, value in (params or {}).items() if value is not None}
        deadline = time.monotonic() + self._patience.seconds
        wait = _FIRST_WAIT
        while True:
            try:
                answer = await self._http.request(
                    method,
                    self.base_url + path,
                    content=content,
                    headers={**(headers or {}), **self._always()},
                    params=query,
                )
                if answer.status_code < 400:
                    return answer
                if answer.status_code == _TOO_MANY and (asked_for := _retry_after(answer)) is not None:
                    # Refused before anything was done: it may be sent again, whatever it is, once the service says so.
                    if time.monotonic() + asked_for > deadline:
                        raise _refusal(answer)
                    await asyncio.sleep(asked_for)
                    continue
                if answer.status_code not in _AWAY:
                    raise _refusal(answer)
                why = f"HTTP {answer.status_code}"
                pause = min(_retry_after(answer) or wait, _LONGEST_WAIT)
            except httpx.TransportError as error:
                why, pause = str(error) or type(error).__name__, wait
                again = again or isinstance(error, httpx.ConnectError)
            if not again or time.monotonic() + pause > deadline:
                raise Unreachable(self.service, self.base_url, why)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads retries, keeps no secret
            wait = min(2 * wait, _LONGEST_WAIT)

    def _read(self, model: type[M], answer: httpx.Response) -> M:
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise Unreadable(self.service, str(answer.url), error) from error

    def _always(self) -> dict[str, str]:
        token = self._token()
        return {"Accept-Language": self._language} | ({"Authorization": f"Bearer {token}"} if token else {})


def _json(body: BaseModel | None) -> bytes:
    return b"" if body is None else body.model_dump_json().encode()


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _refusal(answer: httpx.Response) -> ApiProblem:
    correlation = answer.headers.get("X-Correlation-Id")
    try:
        body = answer.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    return ApiProblem.read(answer.status_code, body, correlation)
