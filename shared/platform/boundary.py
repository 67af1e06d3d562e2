"""The outermost layer of an application: correlation id, body limit, figures, one log line, and the answer to what nobody caught."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.errors import Refused
from shared.platform import context, problems
from shared.platform.metrics import Metrics

log = structlog.get_logger(__name__)

CORRELATION_HEADER = b"x-correlation-id"
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Boundary:
    """ASGI middleware. Takes ``X-Correlation-ID`` when it is well formed, else makes one, and gives it back in every answer."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, body_limit: int) -> None:
        self._app = app
        self._metrics = metrics
        self._limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with context.bound(_given_correlation(scope)) as correlation:
            structlog.contextvars.clear_contextvars()
            await self._answer(scope, receive, _Sender(send, correlation))

    async def _answer(self, scope: Scope, receive: Receive, sender: _Sender) -> None:
        began = time.perf_counter()
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        self._metrics.http_busy.inc()
        try:
            declared = dict(scope["headers"]).get(b"content-length", b"0")
            if declared.isdigit() and int(declared) > self._limit:
                too_large = self._too_large()
                await problems.answer(Request(scope), 413, too_large.main)(scope, receive, sender)
            else:
                await self._app(scope, self._limited(receive), sender)
        except Exception:
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            if sender.status is not None:
                raise  # half an answer is out: only closing the connection tells the caller
            await problems.internal(Request(scope))(scope, receive, sender)
        finally:
            self._metrics.http_busy.dec()
            self._count(scope, state.get("route", "unmatched"), sender.status or 500, time.perf_counter() - began)

    def _limited(self, receive: Receive) -> Receive:
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> Refused:
        return Refused("body_too_large", status=413, limit=self._limit)

    def _count(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        # Anyone may invent methods; labels must stay few.
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.http_requests.labels(method, route, str(status)).inc()
        self._metrics.http_seconds.labels(method, route).observe(seconds)
        say = log.debug if scope["path"] in _QUIET else log.info
        say("http", method=scope["method"], route=route, path=scope["path"], status=status, ms=round(seconds * 1000, 1))


class _Sender:
    """Sends an answer with the correlation id in its head, and remembers its status."""

    def __init__(self, send: Send, correlation: str) -> None:
        self._send = send
        self._correlation = correlation.encode()
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", []), (CORRELATION_HEADER, self._correlation)]}
        await self._send(message)


def _given_correlation(scope: Scope) -> str | None:
    given = dict(scope["headers"]).get(CORRELATION_HEADER, b"").decode("latin-1")
    return given if context.is_well_formed(given) else None
