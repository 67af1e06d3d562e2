"""What is counted in the database without being counted for each who asks: gauges are refreshed in the background, and an answer for
everybody is made at most once an interval."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from fastapi import Response
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel

from shared.contracts.errors import Transient
from shared.platform.metrics import Metrics
from shared.platform.waiting import wait_for_any

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Figure:
    """A gauge ``haukiem_<name>``. ``known`` are values of its labels that are 0 where nothing was counted of them, so that an alert on
    them has a series from the first count on."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()


Counted = Mapping[str, Mapping[tuple[str, ...], float]]
"""By a figure's name and the values of its labels; ``()`` where it has none."""
Count = Callable[[], Awaitable[Counted]]


class Figures(Collector):
    """Gauges that one process counts every ``seconds`` while :meth:`run` runs. A scrape reads what was counted last, and asks nobody.

    Before the first count there are no samples: nothing is said to be 0 that was not counted. When counting fails the old figures stay,
    and their age tells.
    """

    def __init__(self, of: str, figures: Sequence[Figure], count: Count, metrics: Metrics, *, seconds: float) -> None:
        self._of = of
        self._figures = figures
        self._count = count
        self._metrics = metrics
        self._seconds = seconds
        self._counted: Counted = {}
        self._at = 0.0
        metrics.know(metrics.figures_failures, [of])
        metrics.registry.register(self)

    async def run(self, stop: asyncio.Event) -> None:
        """Count until ``stop`` is set, at once and then every ``seconds``."""
        began = time.time()
        self._metrics.figures_age.labels(self._of).set_function(lambda: time.time() - (self._at or began))
        while not stop.is_set():
            try:
                await self.refresh()
            except Exception as error:  # figures are for watching: what is watched must not end with them
                self._metrics.figures_failures.labels(self._of).inc()
                log.warning(
                    "figures_not_counted", of=self._of, error=str(error), exc_info=not isinstance(error, Transient)
                )
            await wait_for_any(stop, seconds=self._seconds)

    async def refresh(self) -> None:
        """Count now. Raises what the count raises; the figures are then those of before."""
        counted = await self._count()
        if strangers := counted.keys() - {figure.name for figure in self._figures}:
            raise KeyError(f"counted and not declared: {', '.join(sorted(strangers))}")
        self._counted, self._at = counted, time.time()
        self._metrics.figures_at.labels(self._of).set(self._at)

    def collect(self) -> Iterable[Metric]:
        for figure in self._figures:
            family = GaugeMetricFamily(f"haukiem_{figure.name}", figure.text, labels=figure.labels)
            known = dict.fromkeys(figure.known, 0.0) if self._at else {}
            for values, number in {**known, **self._counted.get(figure.name, {})}.items():
                family.add_metric(values, number)
            yield family


_SHARE = 20


class Kept:
    """An answer that is the same for everybody: made at most once in ``seconds`` by a process, and by one caller for all who wait.

    What takes long to make is made less often, so that making it is never more than a twentieth of the time. Who asks meanwhile waits for the
    new answer no longer than ``patience`` seconds, and then has the old one.
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[BaseModel]],
        *,
        seconds: float,
        patience: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._least = self._seconds = seconds
        self._patience = patience
        self._clock = clock
        self._body = b""
        self._tag = ""
        self._made_at: float | None = None
        self._making: asyncio.Task[None] | None = None

    async def answer(self, if_none_match: str | None = None) -> Response:
        """The answer with its validator (RFC 9110, 8.8.3) and how long it will be kept; 304 for one that the caller has already.

        Raises what making it raises, to everybody who waited; the next caller tries again.
        """
        if self._age() >= self._seconds:
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._make_anew())
                # An error is for those who waited. Where nobody did, the next to ask tries again.
                self._making.add_done_callback(lambda made: made.cancelled() or made.exception())
            # Who goes away, or has an old answer and waits no longer, leaves the others their new one.
            await asyncio.wait({self._making}, timeout=None if self._made_at is None else self._patience)
            if self._making.done():
                self._making.result()
        fresh = max(0, int(self._seconds - self._age()))
        headers = {"ETag": self._tag, "Cache-Control": f"public, max-age={fresh}"}
        if if_none_match is not None and _names(if_none_match, self._tag):
            return Response(status_code=304, headers=headers)
        return Response(self._body, headers=headers, media_type="application/json")

    def _age(self) -> float:
        return float("inf") if self._made_at is None else self._clock() - self._made_at

    async def _make_anew(self) -> None:
        began = self._clock()
        body = (await self._make()).model_dump_json().encode()
        self._seconds = max(self._least, _SHARE * (self._clock() - began))
        self._body, self._tag, self._made_at = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', began


def _names(if_none_match: str, tag: str) -> bool:
    """Whether the header names the tag, by weak comparison (RFC 9110, 13.1.2)."""
    given = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return tag in given or if_none_match.strip() == "*"
