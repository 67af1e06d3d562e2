"""The HTTP interface: JSON in, handler, JSON out. One file per subject; :func:`routers` gives them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from services.applications.api import applications, drafts, pilots, public
from services.applications.api.counter import Counter


def routers(counter: Counter, asyncapi: Mapping[str, Any]) -> list[APIRouter]:
    return [
        applications.router(counter),
        drafts.router(counter),
        pilots.router(counter),
        public.router(counter, asyncapi),
    ]
