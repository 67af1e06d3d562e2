"""The HTTP application of a service: access, problem details, correlation, limits, metrics, health.

Routers are made by :func:`router` and handed to :func:`create_app`; each route's ``name`` is its action in the access table. The role
is checked before the body is read, the body before the handler runs.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

import psycopg
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from shared.contracts.errors import (
    Forbidden,
    HaukiemError,
    NotFound,
    NotYet,
    Refused,
    TooMany,
    Transient,
    Unauthenticated,
    problem,
)
from shared.platform import openapi, problems, validation
from shared.platform.access import PUBLIC, AccessTable, Grant, decide
from shared.platform.auth import Verifier
from shared.platform.boundary import Boundary
from shared.platform.health import Health
from shared.platform.metrics import Metrics
from shared.platform.ratelimit import RateLimits
from shared.platform.settings import ServiceSettings

log = structlog.get_logger(__name__)

RETRY_AFTER_SECONDS = "2"
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route that counts the call where its action has a limit, and asks who calls and whether the role may, before anything of the
    request is read; then refuses what no handler should see: a query parameter that the route does not have, another media type than
    JSON where JSON is due, and text that cannot be stored."""

    def get_route_handler(self) -> _Handler:
        handle = super().get_route_handler()
        takes_json = self.body_field is not None
        known = frozenset(_query_names(self.dependant))

        async def guarded(request: Request) -> Response:
            request.state.route = self.path_format
            limits: RateLimits = request.app.state.rate_limits
            await limits.take(self.name, request.client.host if request.client else None)
            request.state.grant = await _granted(request, self.name)
            validation.check_text(request.path_params, place="path")
            validation.check_known([name for name, _ in request.query_params.multi_items()], known)
            validation.check_text(request.query_params, place="query")
            if takes_json:
                await _check_body(request)
            return await handle(request)

        return guarded


def router(prefix: str = "", *, tags: Sequence[str] = ()) -> APIRouter:
    """A router whose routes are guarded: each ``name`` is its action. Routers are not nested; hand each to :func:`create_app`."""
    return APIRouter(
        prefix=prefix,
        tags=list(tags),
        route_class=GuardedRoute,
        generate_unique_id_function=lambda route: route.name,
    )


def create_app(
    service: str,
    settings: ServiceSettings,
    *,
    description: str,
    access: AccessTable,
    verifier: Verifier,
    metrics: Metrics,
    health: Health,
    routers: Sequence[APIRouter],
    version: str = "1",
) -> FastAPI:
    """The application of ``service``. Raises ``ValueError`` for a route without a row in ``access``, or one that is not guarded, and for
    a rate limit of an action that there is not."""
    app = FastAPI(
        title=f"Hậu Kiểm: {service}",
        version=version,
        description=description,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.access = access
    app.state.verifier = verifier
    app.state.rate_limits = limits = RateLimits(access, settings.rate_limits, metrics)
    app.add_exception_handler(HaukiemError, _on_expected)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(psycopg.DataError, _on_unstorable)
    for each in (_platform_routes(app, metrics, health), *routers):
        app.router.routes.extend(each.routes)
    for route in app.router.routes:
        _demand_guard(route, access)
    # The document is made once, here: a route that cannot be described fails the start, not the first reader.
    app.openapi_schema = openapi.document(app, access, limits.actions)
    app.openapi = lambda: app.openapi_schema or {}  # type: ignore[method-assign]
    if settings.trusted_proxies:
        proxies = [str(network) for network in settings.trusted_proxies]
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=proxies)
    app.add_middleware(Boundary, metrics=metrics, body_limit=settings.body_limit)
    return app


def actions(app: FastAPI) -> dict[str, list[str]]:
    """The routes of ``app`` by action, each as ``"METHOD /path"``."""
    found: dict[str, list[str]] = {}
    for route in app.router.routes:
        if isinstance(route, APIRoute):
            found.setdefault(route.name, []).extend(f"{method} {route.path}" for method in sorted(route.methods or ()))
    return found


def _demand_guard(route: BaseRoute, access: AccessTable) -> None:
    if not isinstance(route, GuardedRoute):
        raise ValueError(
            f"{route!r} is not guarded: make its router with shared.platform.http.router, and do not nest routers"
        )
    if route.name not in access:
        raise ValueError(f"{route.path} has the action {route.name!r}, which is not in the access table")


def _platform_routes(app: FastAPI, metrics: Metrics, health: Health) -> APIRouter:
    routes = router(tags=["platform"])

    @routes.get("/health/live", name="health.live", summary="Whether this process makes progress")
    async def live() -> JSONResponse:
        failing, impaired = health.failing(), health.impaired()
        status = "failing" if failing else "degraded" if impaired else "ok"
        return JSONResponse({"status": status, "reasons": {**impaired, **failing}}, 503 if failing else 200)

    @routes.get("/health/ready", name="health.ready", summary="Whether this process may get traffic")
    async def ready() -> JSONResponse:
        unready = await health.unready()
        return JSONResponse({"status": "unready" if unready else "ok", "reasons": unready}, 503 if unready else 200)

    @routes.get("/metrics", name="metrics", summary="Figures in Prometheus' text format", response_class=Response)
    async def exposition() -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @routes.get("/openapi.json", name="openapi", summary="This document")
    async def description() -> JSONResponse:
        return JSONResponse(app.openapi())

    return routes


async def _granted(request: Request, action: str) -> Grant:
    access: AccessTable = request.app.state.access
    if access[action].ownership == PUBLIC:
        return decide(access, action, None)
    verifier: Verifier = request.app.state.verifier
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no bearer token")
    grant = decide(access, action, await verifier.verify(token.strip()))
    structlog.contextvars.bind_contextvars(caller=grant.caller.sub)
    return grant


def _query_names(dependant: Dependant) -> Iterator[str]:
    """The names of the query parameters that a handler, and what it depends on, declares."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_names(inner)


async def _check_body(request: Request) -> None:
    body = await request.body()
    if not body:
        return
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Refused("unsupported_media_type", status=415, given=validation.printable(given))
    validation.check_json(body)


def _on_expected(request: Request, error: Exception) -> Response:
    match error:
        case Refused():
            return problems.answer(request, error.status, error.main, error.problems)
        case NotFound():
            return problems.answer(request, 404, error.main)
        case Forbidden():
            log.info("forbidden", action=str(error))
            return problems.answer(request, 403, error.main)
        case Unauthenticated():
            log.info("unauthenticated", reason=str(error))
            return problems.answer(request, 401, error.main, headers={"WWW-Authenticate": "Bearer"})
        case TooMany():
            return problems.answer(request, 429, error.main, headers={"Retry-After": str(error.seconds)})
        case Transient() | NotYet():
            log.warning("unavailable", error=str(error))
            return problems.answer(request, 503, problem("unavailable"), headers={"Retry-After": RETRY_AFTER_SECONDS})
        case _:
            raise error


def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    broken = next((each for each in found if each["type"] == "json_invalid"), None)
    if broken is not None:
        place = validation.line_and_column(error.body, broken["loc"][-1])
        return problems.answer(request, 400, problem("invalid_json", place=place))
    located = validation.problems(found, error.body)
    return problems.answer(request, 422, located[0], located)


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            main = problem("not_found")
        case 405:
            main = problem("method_not_allowed", method=request.method)
        case 400:
            main = problem("invalid_json", place="1:1")
        case _:
            raise error
    return problems.answer(request, error.status_code, main, headers=error.headers)


def _on_unstorable(request: Request, error: Exception) -> Response:
    """A value that passed our models and that PostgreSQL cannot keep (too large a number): the caller's to mend, and ours to bound."""
    log.error("value_not_storable", error=str(error))
    located = validation.unstorable_value()
    return problems.answer(request, 422, located)
