"""The register's search: newest first, whether the newest pilots fill the page or the index of words is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from services.decisions.store import register
from tests import decisions_kit as kit
from tests.handlers.decisions_office import Office, opened

TITLES = ("Trăng một", "Trăng hai", "Biển một", "Trăng ba", "Biển hai", "Núi một", "Biển ba", "Núi hai")
"""From the oldest pilot to the newest."""


@pytest.fixture(scope="module")
async def office(postgres_admin_dsn: str) -> AsyncIterator[Office]:
    async with opened(postgres_admin_dsn) as found:
        for n, title in enumerate(TITLES):
            received = kit.RECEIVED + timedelta(hours=n)
            pilot = kit.registered(title=title, received=received, code=f"HK-G16-26-00000{n}")
            await found.hear(pilot.model_copy(update={"provinces": (f"0{n % 2}",)}))
        yield found


@pytest.mark.parametrize(("newest", "further", "most_endings"), [(1, 1, 0), (1, 4, 16), (3, 6, 1), (100, 1600, 16)])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("trăng", ["Trăng ba", "Trăng hai", "Trăng một"]),
        ("núi", ["Núi hai", "Núi một"]),
        ("một", ["Núi một", "Biển một", "Trăng một"]),
        ("núi ba", []),
        ("biển ba", ["Biển ba"]),
        ("HK-G16-26-000003", ["Trăng ba"]),
        ("tr", ["Trăng ba", "Trăng hai", "Trăng một"]),
        ("hai b", ["Biển hai"]),
        ("núi b", []),
        ("một b", ["Biển một"]),
        ("không có", []),
        ("...", list(TITLES[::-1])),
        ("", list(TITLES[::-1])),
    ],
)
async def test_a_search_gives_the_same_pilots_by_each_way_and_page_by_page(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    newest: int,
    further: int,
    most_endings: int,
    words: str,
    found: list[str],
) -> None:
    monkeypatch.setattr(register, "NEWEST", newest)
    monkeypatch.setattr(register, "FURTHER", further)
    monkeypatch.setattr(register, "MOST_ENDINGS", most_endings)
    assert await listed(office, f"sector=performing_arts&state=pending&q={words}") == found
    even = [title for title in found if TITLES.index(title) % 2 == 0]
    assert await listed(office, f"province=00&q={words}") == even


async def listed(office: Office, query: str) -> list[str]:
    """Titles, two a page, to the last page."""
    titles: list[str] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        behind = f"&cursor={page['next']}" if page["next"] else ""
        page = await office.get(None, f"/register?limit=2&{query}{behind}")
        titles += [row["title"] for row in page["rows"]]
    return titles
