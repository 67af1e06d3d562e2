"""The environment of the service applications."""

from __future__ import annotations

from pydantic import Field

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service reads. What a body says goes into one event, with what binds the pilot: together less than Kafka takes."""

    body_limit: int = Field(default=786_432, ge=1024, le=800_000)
