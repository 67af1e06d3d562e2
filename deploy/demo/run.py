"""``haukiem demo``: play the season on an instance of its own, sum it up, and check the invariants. Everything happens over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

from aiokafka.errors import KafkaError

from deploy.cli.eventlog import event_log
from deploy.cli.replaying import replay_all
from deploy.demo import invariants, script, season, summary
from deploy.demo.director import Director, Hear, deaf
from deploy.demo.forward import Hand, forward, wait_for_quiet
from deploy.demo.look import Seen, look
from deploy.demo.narrator import Narrator
from deploy.demo.stage import Mint, Stage
from shared.client import Addresses, Patience, connections
from shared.client.ops import Progress
from shared.contracts.errors import Transient
from shared.contracts.topics import APPLICATIONS, DECISIONS, MONITORING
from shared.reference.calendar import VIETNAM
from shared.reference.load import load_calendar

RETRY_SECONDS = 60.0
"""How long a person tries again while a service is away: as long as one may take to be brought back."""


@dataclass(frozen=True)
class Place:
    """Where a season is played: a running stack with an empty data directory, on the sandbox clock."""

    addresses: Addresses
    kafka: str
    hand: Hand
    mint: Mint


@dataclass(frozen=True)
class Played:
    """A season that was played: what it came to, what was seen at its end, and who had been told what."""

    summary: summary.Summary
    seen: Seen
    stage: Stage


Told = Callable[[datetime, str], None]
"""Is told of what people do."""
Noticed = Callable[[datetime, str], None]
"""Is told of what the system does by itself."""
Stepped = Callable[[datetime, Mapping[str, Progress]], None]
"""Is told of each step of the clock."""


def stop_of(weeks: int | None, played: script.Script | None = None) -> datetime:
    """When the clock stops: at the script's end, or on the Wednesday noon after so many weeks of reports."""
    chosen = played or script.load()
    if weeks is None:
        return chosen.season.stops
    first = min(report.ending for show in season.load() for report in show.reports)
    day = first + timedelta(weeks=weeks - 1, days=3)
    return min(datetime.combine(day, time_of_day(12), VIETNAM), chosen.season.stops)


async def play(
    place: Place,
    *,
    weeks: int | None = None,
    told: Told = lambda at, what: None,
    noticed: Noticed | None = None,
    stepped: Stepped = lambda at, progress: None,
) -> Played:
    """Play the season, or its first ``weeks``, and sum it up.

    Raises ``Stuck`` when a service stops making progress, ``NotAsScripted`` when the season takes another course than the script's
    people expect, and ``ClientError`` for a refusal that nobody expects.
    """
    began = time.monotonic()
    played = script.load()
    until = stop_of(weeks, played)
    async with connections() as http:
        stage = Stage(
            played, season.load(), load_calendar(), place.addresses, place.mint, http, Patience(RETRY_SECONDS)
        )
        services = list(stage.ops.ops.values())
        async with _listening(place, stage, noticed) as hear:
            director = Director(stage, until, told, hear)
            steps = await forward(
                place.hand, services, until, agenda=director.agenda, play=director.play, watch=stepped
            )
            await hear()
        return await _sum_up(place, stage, began, steps)


@asynccontextmanager
async def _listening(place: Place, stage: Stage, noticed: Noticed | None) -> AsyncIterator[Hear]:
    """Follows the event log for who wants to hear it: what is new is read when the services are quiet, and nothing is waited for."""
    if noticed is None:
        yield deaf
        return
    narrator = Narrator(lambda pilot_id: stage.show_of(pilot_id) or str(pilot_id))
    kinds = {kind.type_name() for kind in Narrator.KINDS}
    async with event_log(place.kafka) as log:

        async def hear() -> None:
            try:
                news = await log.news((APPLICATIONS, MONITORING, DECISIONS))
            except (KafkaError, TimeoutError, Transient):
                return  # a broker that is away for a moment: the season itself waits for it, and loses no more than a line
            events = (one.event for one in news if one.meta is not None and one.meta.type in kinds)
            for at, what in narrator.tell(event for event in events if event is not None):
                noticed(at, what)

        yield hear


async def _sum_up(place: Place, stage: Stage, began: float, steps: int) -> Played:
    until = place.hand.now()
    await wait_for_quiet(list(stage.ops.ops.values()), until)
    async with event_log(place.kafka) as log:
        seen = await look(stage, log)
        replays = list(await replay_all(log, stage.calendar))
    found = await invariants.check(stage, seen, replays)
    summed = summary.summarise(stage, seen, found, until, time.monotonic() - began, steps)
    return Played(summed, seen, stage)


def write(found: summary.Summary, path: Path) -> None:
    """The summary as JSON, for programs and for comparing runs."""
    path.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
