"""The environment of the service decisions."""

from __future__ import annotations

from pydantic import Field

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service reads. What a body says goes into one event: less than Kafka takes."""

    body_limit: int = Field(default=524_288, ge=1024, le=800_000)
