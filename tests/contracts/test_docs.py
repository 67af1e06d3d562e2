"""What the pages say exists: routes, commands, targets, settings, metrics, files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from deploy.cli.main import app as cli
from deploy.cli.site import TOKEN, url_variable
from deploy.local.instance import SERVICES
from deploy.local.settings import MAIN_PORTS, port_variable
from services.applications import settings as applications
from services.decisions import settings as decisions
from services.monitoring import settings as monitoring
from shared.contracts.pilot import Dossier
from shared.platform.http import actions
from shared.reference.load import load
from tests.contracts.test_access import TABLES, app_of

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TEXT = {page: page.read_text("utf-8") for page in PAGES}
SETTINGS = {name for one in (applications, monitoring, decisions) for name in one.Settings.model_fields}
CODE = re.compile(r"```.*?```|`[^`]+`", re.DOTALL)
"""Fenced blocks and code spans: only there is a name meant literally."""


def named(pattern: str) -> set[tuple[str, str]]:
    """What the pages name in code by ``pattern``, each with its page."""
    return {
        (str(page.relative_to(ROOT)), found)
        for page, text in TEXT.items()
        for code in CODE.findall(text)
        for found in re.findall(pattern, code)
    }


def unknown(found: set[tuple[str, str]], known: set[str]) -> set[tuple[str, str]]:
    assert found, "the pages name nothing of this kind: the pattern no longer fits"
    return {(page, name) for page, name in found if name not in known}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT[page]):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert unknown(named(r"(?:^|[`\n] *)make ([a-z]+)"), targets) == set()


def test_commands_of_haukiem_exist() -> None:
    commands = {command.name or command.callback.__name__ for command in cli.registered_commands if command.callback}
    groups = {str(group.name) for group in cli.registered_groups}
    assert unknown(named(r"(?:^|[`\n] *)haukiem ([a-z]+)"), commands | groups) == set()


def test_subcommands_of_haukiem_exist() -> None:
    known = set()
    for group in cli.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            name = command.name or (command.callback.__name__ if command.callback else "")
            known.add(f"{group.name} {name}")
    groups = "|".join(str(group.name) for group in cli.registered_groups)
    assert unknown(named(rf"haukiem ((?:{groups}) [a-z]+)"), known) == set()


def test_routes_exist() -> None:
    routes = {route for service in TABLES for found in actions(app_of(service)).values() for route in found}
    known = {re.sub(r"\{[a-z_]+\}", "{}", route) for route in routes}
    found = {
        (page, re.sub(r"\{[a-z_]+\}", "{}", route))
        for page, route in named(r"((?:GET|POST|PUT|DELETE) /[a-z0-9/{}_.-]*)")
    }
    assert unknown(found, known) == set()


def test_settings_exist() -> None:
    known = {f"HAUKIEM_{name.upper()}" for name in SETTINGS}
    known |= {TOKEN, *map(url_variable, SERVICES)}
    known |= {port_variable(""), *map(port_variable, MAIN_PORTS)}
    assert unknown(named(r"(HAUKIEM_[A-Z_]+)"), known) == set()


def test_every_setting_is_on_the_page_for_those_who_keep_it_running() -> None:
    for name in SETTINGS:
        assert f"HAUKIEM_{name.upper()}" in TEXT[ROOT / "docs" / "ops.md"]


async def test_metrics_exist() -> None:
    """Each service is asked for its figures; nothing that it stands on is there, so that only their names are."""
    exposed: set[str] = set()
    for service in TABLES:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app_of(service)), base_url="http://service"
        ) as client:
            answer = await client.get("/metrics")
        exposed |= set(re.findall(r"^# HELP (\S+)", answer.text, re.MULTILINE))
    assert unknown(named(r"(haukiem_[a-z_]+)"), exposed) == set()


def test_the_example_dossier_is_admissible() -> None:
    """Nobody is asked to mend what the page offers as an example."""
    dossier = Dossier.model_validate_json((ROOT / "docs" / "example-dossier.json").read_bytes())
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    rules = load().on(now.date())
    answers = rules.tier(dossier.answers, dossier.sector)
    assert answers.faults == ()
    assert rules.cap_faults(dossier.envelope.caps, dossier.sector, answers.tier, dossier.answers) == ()
    given = {attachment.document for attachment in dossier.attachments}
    needed = rules.documents_needed(answers.levels, answers.tier, held_permit=False)
    assert {document.code for document in needed} == given
