"""The HTTP application of a service: access, problem details, correlation, limits, metrics, health."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI

from shared.platform.access import AccessTable
from shared.platform.auth import Verifier
from shared.platform.health import Health
from shared.platform.metrics import Metrics
from shared.platform.settings import ServiceSettings


def router(prefix: str = "", *, tags: Sequence[str] = ()) -> APIRouter:
    """A router whose routes are guarded: each ``name`` is its action, checked before the body is read."""
    return APIRouter(prefix=prefix, tags=list(tags))


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
) -> FastAPI:
    """The application. Raises ``ValueError`` for a route without a row in ``access``."""
    raise NotImplementedError


def actions(app: FastAPI) -> dict[str, list[str]]:
    """The routes of ``app`` by action: ``"METHOD /path"``."""
    raise NotImplementedError
