"""Each curl of the two walks is a request that its service takes: route, token, key, parameters, media type and body."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.routing import APIRoute

from services.monitoring.api import forms
from tests.contracts.test_access import TABLES, app_of

DOCS = Path(__file__).parents[2] / "docs"
WALKS = ("startups.md", "officers.md")
SAMPLES = {
    "NOW": "2026-11-23T08:00:00Z",
    "BASIS": "law-93-2025",
    "CODE": "HK-G16-26-000001",
    **{name.upper(): f"http://{name}" for name in TABLES},
}
"""What a variable holds; one that is not here holds the id of something."""
ID = "01a202fb-c0c0-7653-a4d8-91c6ef595cd0"
RAW = "monitoring.reports.send"
"""The one route that reads its body itself, in three forms."""


@dataclass
class Call:
    """One curl, as it is sent."""

    where: str
    method: str = "GET"
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None


def calls(page: str) -> Iterator[Call]:
    text = (DOCS / page).read_text("utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for command in _curls(block.replace("\\\n", " ")):
            yield _read(page, command)


def _curls(block: str) -> Iterator[str]:
    """Each from its ``curl`` to where its words end: a line's end, a pipe, a bracket that closes. Text in quotes may span lines."""
    for found in re.finditer(r"\bcurl ((?:'[^']*'|\"[^\"]*\"|\$\([^()]*\)|[^'\"|;>)\n])*)", _inner(block)):
        yield found[1]


def _inner(block: str) -> str:
    """What a shell works out before it sends, as it would stand there: dates and hashes, then variables."""
    block = re.sub(r"'\$\(date [^)]*\)'", SAMPLES["NOW"], block)
    block = re.sub(r"'\$\(printf [^)]*\)'", "0" * 64, block)
    block = re.sub(r"'\$([A-Z]+)'", _value, block)
    return re.sub(r"\$([A-Z]+)", _value, block)


def _value(found: re.Match[str]) -> str:
    return SAMPLES.get(found[1], ID)


def _read(page: str, command: str) -> Call:
    call = Call(f"{page}: curl {' '.join(command.split())[:90]}")
    words = iter(shlex.split(command))
    for word in words:
        if word == "-X":
            call.method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            call.headers[name.lower()] = value
        elif word in ("-d", "--data-binary"):
            call.body = next(words)
        elif word == "-o":
            next(words)
        elif not word.startswith("-"):
            call.url = word
    return call


CALLS = [call for page in WALKS for call in calls(page)]
ROUTES = {
    service: [route for route in app_of(service).router.routes if isinstance(route, APIRoute)] for service in TABLES
}
OPERATIONS = {service: app_of(service).openapi()["paths"] for service in TABLES}


def _route(call: Call) -> tuple[str, APIRoute]:
    address = urlsplit(call.url)
    assert address.hostname in ROUTES, f"{call.where}: which service is this?"
    for route in ROUTES[address.hostname]:
        if route.path_regex.match(address.path) and call.method in (route.methods or ()):
            return address.hostname, route
    raise AssertionError(f"{call.where}: {address.hostname} has no {call.method} {address.path}")


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.where)
def test_what_is_pasted_is_a_request_that_is_taken(call: Call) -> None:
    service, route = _route(call)
    operation: dict[str, Any] = OPERATIONS[service][route.path_format][call.method.lower()]
    assert ("authorization" in call.headers) == bool(operation["security"])
    parameters = operation.get("parameters", [])
    keyed = any(one["in"] == "header" and one["name"] == "Idempotency-Key" for one in parameters)
    assert ("idempotency-key" in call.headers) == keyed
    assert parse_qs(urlsplit(call.url).query).keys() <= {one["name"] for one in parameters if one["in"] == "query"}
    taken = operation.get("requestBody")
    if call.body is None:
        assert not (taken and taken.get("required")), "it needs a body"
        return
    assert taken, "it takes no body"
    media = call.headers["content-type"]
    assert media in taken["content"]
    if route.name == RAW:
        assert forms.read(media, call.body.encode(), None, None).samples
    elif not call.body.startswith("@"):
        assert route.body_field is not None
        _, wrong = route.body_field.validate(json.loads(call.body), loc=("body",))
        assert not wrong


@pytest.mark.parametrize("page", WALKS)
def test_no_curl_of_a_page_is_overlooked(page: str) -> None:
    written = re.findall(r"\bcurl -s", (DOCS / page).read_text("utf-8"))
    assert len(written) == len(list(calls(page))) > 10


def test_every_writing_route_of_an_enterprise_and_an_officer_is_in_a_walk() -> None:
    """But for those that the pages tell of in words: filing again, and taking back what was not admitted or not issued."""
    told = {
        "applications.supplement",
        "applications.withdraw",
        "decisions.proposals.return",
        "decisions.proposals.withdraw",
        "monitoring.tips.send",
    }
    walked = {_route(call)[1].name for call in CALLS}
    writing = {
        route.name
        for service, routes in ROUTES.items()
        for route in routes
        if route.methods != {"GET"} and not route.name.startswith("ops.")
    }
    assert writing - walked == told


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("-X POST http://decisions/cases/{id}/claims", "has no POST"),
        ("http://elsewhere/queue", "which service"),
    ],
)
def test_a_planted_slip_is_caught(command: str, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        _route(_read("planted", command.replace("{id}", ID)))
