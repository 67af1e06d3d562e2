"""Reading: one's own is shown, what is somebody else's does not exist, auditors see everything. For every route, by the access table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from shared.contracts.access.rule import Ownership
from tests.edges.conformance import problem
from tests.edges.hosting import ACCESS, APIS, Caller, Edge, may
from tests.edges.world import AUDITOR, AUTHORITY, OFFICER, RIVAL, STARTUP, STRANGER, SUPERVISOR, World

FOREIGN_SUPERVISOR = Caller("supervisor", "lanhdao.b", authority=STRANGER.authority)
MINE = (STARTUP, OFFICER, SUPERVISOR)
THEIRS = (RIVAL, STRANGER, FOREIGN_SUPERVISOR)


@dataclass(frozen=True)
class Reading:
    """A reading route that is confined to one's own; ``path`` with its parameters, and those of the query that it needs, still named."""

    action: str
    path: str

    def url(self, world: World) -> str:
        """The path to what belongs to :data:`STARTUP` and lies with :data:`AUTHORITY`."""
        ids = {name: found[0] for name, found in world.ids.items()}
        if "/drafts/" in self.path:
            ids["pilot_id"] = world.one("draft")
        return self.path.format_map(ids | {"authority": AUTHORITY})

    @property
    def of_one_thing(self) -> bool:
        return "{" in self.path


@pytest.fixture(scope="module", params=APIS)
def edge(request: pytest.FixtureRequest, world: World) -> Iterator[Edge]:
    with world.edge(request.param) as edge:
        yield edge


@pytest.fixture
def readings(edge: Edge) -> list[Reading]:
    found = []
    for path, methods in edge.document["paths"].items():
        said = methods.get("get")
        if said is not None and ACCESS[edge.api][said["operationId"]].ownership is Ownership.OWN:
            asked = [each for each in said.get("parameters", ()) if each["in"] == "query" and each.get("required")]
            query = "&".join(f"{each['name']}={{{each['name']}}}" for each in asked)
            found.append(Reading(said["operationId"], f"{path}?{query}" if query else path))
    return found


def test_one_thing_is_shown_to_its_own_and_to_auditors(edge: Edge, world: World, readings: list[Reading]) -> None:
    for reading in readings:
        for who in (*MINE, AUDITOR):
            if reading.of_one_thing and may(edge.api, reading.action, who.role):
                answer = edge.ask("GET", reading.url(world), who)
                assert answer.status_code == 200, (reading, who, answer.text)


def test_one_thing_of_somebody_else_does_not_exist(edge: Edge, world: World, readings: list[Reading]) -> None:
    """The answer is the same as for an id that nobody has, to the letter but for the correlation id."""
    for reading in readings:
        for who in THEIRS:
            if reading.of_one_thing and may(edge.api, reading.action, who.role):
                answer = edge.ask("GET", reading.url(world), who)
                assert (answer.status_code, problem(answer).code) == (404, "not_found"), (reading, who, answer.text)
                unknown = edge.ask(
                    "GET", re.sub(r"\{[a-z_]+\}", "01a20253-799d-76c8-b2f3-c280cb7aee93", reading.path), who
                )
                assert unknown.status_code == 404, (reading, who)
                assert (problem(unknown).title, problem(unknown).detail) == (
                    problem(answer).title,
                    problem(answer).detail,
                )


def test_lists_hold_ones_own_and_nothing_else(edge: Edge, world: World, readings: list[Reading]) -> None:
    running = str(world.one("pilot_id"))
    seen = 0
    for reading in readings:
        if reading.of_one_thing:
            continue
        for who in (*MINE, *THEIRS, AUDITOR):
            if may(edge.api, reading.action, who.role):
                answer = edge.ask("GET", reading.path, who)
                assert answer.status_code == 200, (reading, who, answer.text)
                if who in THEIRS:
                    assert running not in answer.text, (reading, who)
                seen += running in answer.text
    assert seen or edge.api == "monitoring", "no list shows the pilot to anybody: what is hidden proves nothing"
