"""The environment of the service applications."""

from __future__ import annotations

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service reads; this one needs no more."""
