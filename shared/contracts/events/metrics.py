"""What startups report on ``haukiem.metrics.v1``, through monitoring's ingest or with their own producer: one record a part.

A record is identified by (pilot, source, sequence, part) and counts once however often it is sent. Its key is the pilot's id; its
value is this model's JSON, at most 1,000 samples. Unsigned records are taken in the local stack only: elsewhere the header
``hk-signature`` carries the hexadecimal HMAC-SHA-256 of key bytes, a full stop and value bytes, under the source's secret.
"""

from __future__ import annotations

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.base import Instant, Truth, Whole
from shared.contracts.numbers import Reported
from shared.contracts.pilot import Code, SourceName

MAX_SAMPLES = 1000
"""Samples in one part."""


class Sample(BaseModel):
    """One value of one metric. A delta adds, a counter is cumulative, a gauge is the value at ``at``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: Code
    at: Instant
    value: Reported
    province: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")] | None = None
    reset: Truth = False


class MetricsReported(BaseModel):
    """One part of a report. ``corrects`` names the sequence whose differences it brings; only there may a delta be negative."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: ClassVar[str] = "metrics"
    version: ClassVar[int] = 1

    pilot_id: UUID
    source: SourceName = "main"
    sequence: Whole = Field(ge=1, le=2**53)
    part: Whole = Field(default=1, ge=1, le=1000)
    parts: Whole = Field(default=1, ge=1, le=1000)
    corrects: Whole | None = Field(default=None, ge=1, le=2**53)
    samples: tuple[Sample, ...] = Field(min_length=1, max_length=MAX_SAMPLES)

    @classmethod
    def type_name(cls) -> str:
        return f"haukiem.{cls.owner}.{cls.__name__}.v{cls.version}"
