"""Figures that are counted in the database: in the background and not at a scrape; and answers that are made once for everybody."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable

import pytest
from fastapi import Response
from pydantic import BaseModel, SecretStr

from shared.contracts.errors import Transient
from shared.platform.figures import Counted, Figure, Figures, Kept
from shared.platform.metrics import Metrics
from shared.platform.settings import Role
from tests.platform.garden import eventually

TREES = (Figure("garden_trees", "Trees", ("species",)), Figure("garden_benches", "Benches"))


class Garden:
    """Counts its trees, as often as it is asked, unless it is away."""

    def __init__(self) -> None:
        self.oaks, self.asked = 3, 0
        self.error: Exception | None = None

    async def count(self) -> Counted:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return {"garden_trees": {("oak",): self.oaks}, "garden_benches": {(): 7}}


async def during(figures: Figures, work: Callable[[], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(figures.run(stop))
    try:
        await work()
    finally:
        stop.set()
        await asyncio.wait_for(running, 5)


def made(garden: Garden, seconds: float) -> tuple[Metrics, Figures]:
    metrics = Metrics("garden")
    return metrics, Figures("garden", TREES, garden.count, metrics, seconds=seconds)


async def test_what_was_never_counted_is_not_said_to_be_nothing() -> None:
    metrics, _ = made(Garden(), 60)
    text = metrics.render().decode()
    assert "# HELP haukiem_garden_benches Benches" in text
    assert "\nhaukiem_garden_benches " not in text and "haukiem_garden_trees{" not in text


async def test_what_is_known_to_exist_is_nothing_where_nothing_was_counted_of_it() -> None:
    metrics = Metrics("garden")
    trees = (Figure("garden_trees", "Trees", ("species",), (("oak",), ("elm",))),)

    async def count() -> Counted:
        return {"garden_trees": {("oak",): 3, ("fir",): 1}}

    figures = Figures("garden", trees, count, metrics, seconds=60)
    assert "haukiem_garden_trees{" not in metrics.render().decode()
    await figures.refresh()
    for species, number in (("oak", 3), ("elm", 0), ("fir", 1)):
        assert metrics.registry.get_sample_value("haukiem_garden_trees", {"species": species}) == number


async def test_a_scrape_shows_what_was_counted_and_counts_nothing() -> None:
    garden = Garden()
    metrics, figures = made(garden, 60)

    async def work() -> None:
        async def counted() -> bool:
            return garden.asked == 1 and metrics.registry.get_sample_value("haukiem_garden_benches") == 7

        await eventually(counted)
        texts = [metrics.render().decode() for _ in range(20)]
        assert all('haukiem_garden_trees{species="oak"} 3.0' in text for text in texts)
        assert garden.asked == 1

    await during(figures, work)


async def test_figures_follow_what_they_count() -> None:
    """A label that is no longer counted goes, rather than to stay at its last value."""
    garden = Garden()
    metrics, figures = made(garden, 0.01)

    async def work() -> None:
        async def shown(number: int) -> bool:
            return metrics.registry.get_sample_value("haukiem_garden_trees", {"species": "oak"}) == number

        await eventually(lambda: shown(3))
        garden.oaks = 4
        await eventually(lambda: shown(4))

    await during(figures, work)
    figures_without_oaks: Counted = {"garden_trees": {("elm",): 1}}

    async def none_left() -> Counted:
        return figures_without_oaks

    figures._count = none_left
    await figures.refresh()
    assert metrics.registry.get_sample_value("haukiem_garden_trees", {"species": "oak"}) is None


@pytest.mark.parametrize("error", [Transient("the database is away"), KeyError("a defect of ours")])
async def test_figures_that_cannot_be_counted_grow_old_and_end_nothing(error: Exception) -> None:
    garden = Garden()
    metrics, figures = made(garden, 0.01)
    value = metrics.registry.get_sample_value
    of = {"of": "garden"}

    async def work() -> None:
        async def counted() -> bool:
            return value("haukiem_figures_counted_seconds", of) is not None

        await eventually(counted)
        garden.error = error

        async def failed_twice() -> bool:
            return (value("haukiem_figures_failures_total", of) or 0) >= 2

        await eventually(failed_twice)
        at = value("haukiem_figures_counted_seconds", of)
        age = value("haukiem_figures_age_seconds", of)

        async def older() -> bool:
            return (value("haukiem_figures_age_seconds", of) or 0) > (age or 0)

        await eventually(older)
        assert value("haukiem_figures_counted_seconds", of) == at
        assert value("haukiem_garden_benches") == 7
        garden.error = None

        async def again() -> bool:
            return (value("haukiem_figures_counted_seconds", of) or 0) > (at or 0)

        await eventually(again)

    await during(figures, work)


async def test_the_wait_for_the_first_count_has_an_age_too() -> None:
    garden = Garden()
    garden.error = Transient("the database is away")
    metrics, figures = made(garden, 0.01)

    async def work() -> None:
        async def aged() -> bool:
            return (metrics.registry.get_sample_value("haukiem_figures_age_seconds", {"of": "garden"}) or 0) > 0.02

        await eventually(aged)

    await during(figures, work)


@pytest.mark.parametrize("service", ["applications", "monitoring", "decisions"])
async def test_each_service_counts_its_domain_where_it_answers_http(service: str) -> None:
    settings = importlib.import_module(f"services.{service}.settings").Settings(
        env="local", postgres=SecretStr("host=127.0.0.1 port=1"), kafka="127.0.0.1:1", oidc_issuer="http://127.0.0.1:1"
    )
    built = importlib.import_module(f"services.{service}.main").build(settings)
    assert any(isinstance(getattr(task, "__self__", None), Figures) for task in built.tasks[Role.API])


# --- answers for everybody -------------------------------------------------------------------------------------------


class Census(BaseModel):
    trees: int


class Counting:
    """Takes a census when ``gate`` is open; it takes ``took`` seconds."""

    def __init__(self, *, patience: float = 1.0, took: float = 0.0) -> None:
        self.made, self.now, self.took = 0, 100.0, took
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.kept = Kept(self.make, seconds=15, patience=patience, clock=lambda: self.now)

    async def make(self) -> Census:
        self.made += 1
        await self.gate.wait()
        self.now += self.took
        if self.error is not None:
            raise self.error
        return Census(trees=self.made)


def body(response: Response) -> bytes:
    return bytes(response.body)


async def test_an_answer_is_made_once_an_interval() -> None:
    counting = Counting()
    first = await counting.kept.answer()
    counting.now += 14.5
    second = await counting.kept.answer()
    assert body(first) == body(second) == b'{"trees":1}'
    assert (first.headers["cache-control"], second.headers["cache-control"]) == (
        "public, max-age=15",
        "public, max-age=0",
    )
    counting.now += 0.5
    assert body(await counting.kept.answer()) == b'{"trees":2}'


async def test_callers_at_one_time_share_one_making_whoever_of_them_goes_away() -> None:
    counting = Counting()
    counting.gate.clear()
    callers = [asyncio.create_task(counting.kept.answer()) for _ in range(20)]

    async def begun() -> bool:
        return counting.made == 1

    await eventually(begun)
    callers[0].cancel()
    counting.gate.set()
    answers = await asyncio.gather(*callers[1:])
    assert counting.made == 1 and {body(answer) for answer in answers} == {b'{"trees":1}'}
    with pytest.raises(asyncio.CancelledError):
        await callers[0]


async def test_who_asks_while_it_is_made_anew_has_the_old_answer_after_a_while() -> None:
    counting = Counting(patience=0.01)
    await counting.kept.answer()
    counting.now += 15
    counting.gate.clear()
    old = await counting.kept.answer()
    assert (body(old), old.headers["cache-control"]) == (b'{"trees":1}', "public, max-age=0")
    counting.gate.set()

    async def new() -> bool:
        return body(await counting.kept.answer()) == b'{"trees":2}'

    await eventually(new)


async def test_what_takes_long_is_made_less_often() -> None:
    counting = Counting(took=6.0)
    await counting.kept.answer()
    counting.now += 113.5
    known = await counting.kept.answer()
    assert (body(known), known.headers["cache-control"]) == (b'{"trees":1}', "public, max-age=0")
    counting.now += 0.5
    assert body(await counting.kept.answer()) == b'{"trees":2}'


async def test_a_failure_is_told_to_all_who_waited_and_the_next_tries_again() -> None:
    counting = Counting()
    counting.error = Transient("away")
    found = await asyncio.gather(*(counting.kept.answer() for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [Transient] * 3 and counting.made == 1
    counting.error = None
    assert body(await counting.kept.answer()) == b'{"trees":2}'


@pytest.mark.parametrize(
    ("given", "status"),
    [("{}", 304), ("W/{}", 304), ('"x", {}', 304), ("*", 304), ('"x"', 200), ("", 200), ("rubbish", 200)],
)
async def test_who_has_the_answer_already_is_told_so(given: str, status: int) -> None:
    counting = Counting()
    tag = (await counting.kept.answer()).headers["etag"]
    found = await counting.kept.answer(given.format(tag))
    assert (found.status_code, found.headers["etag"]) == (status, tag)
    assert bool(found.body) == (status == 200)


async def test_another_answer_has_another_tag() -> None:
    counting = Counting()
    tag = (await counting.kept.answer()).headers["etag"]
    counting.now += 15
    assert (await counting.kept.answer(tag)).status_code == 200
