"""The environment of the service monitoring."""

from __future__ import annotations

from pydantic import Field

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service reads. A report of 50,000 samples has some 6 MB."""

    body_limit: int = Field(default=16_777_216, ge=1024)
    rejected_days: int = Field(default=90, ge=1)
    """How long a metrics record that was rejected is kept for ops to see."""
