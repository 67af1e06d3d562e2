"""The HTTP interface: JSON in, handler, JSON out. One file per subject; :func:`routers` gives them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from services.decisions.api import cases, decisions, proposals, public
from services.decisions.api.counter import Counter


def routers(counter: Counter, asyncapi: Mapping[str, Any]) -> list[APIRouter]:
    return [
        cases.router(counter),
        proposals.router(counter),
        decisions.router(counter),
        public.router(counter, asyncapi),
    ]
