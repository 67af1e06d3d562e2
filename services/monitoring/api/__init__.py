"""The HTTP interface: JSON in, handler, JSON out. One file per subject; :func:`routers` gives them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from services.monitoring.api import matters, reading, reports
from services.monitoring.api.counter import Counter


def routers(counter: Counter, asyncapi: Mapping[str, Any]) -> list[APIRouter]:
    return [reports.router(counter), reading.router(counter), matters.router(counter, asyncapi)]
