"""Drafts: a dossier in the making, kept as far as it has come. A draft is nobody's business but its enterprise's: it makes no event."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from services.applications.core.admission import examine
from services.applications.handlers import filing
from services.applications.handlers.desk import Desk
from services.applications.store import applications as store
from services.applications.store.applications import Draft
from shared.contracts.errors import NotFound, Problem, Refused
from shared.contracts.http.applications import DraftView, Filed
from shared.contracts.pilot import Dossier
from shared.platform import validation
from shared.platform.db import Tx
from shared.platform.ids import uuid7

MOST_OPEN = 100
"""Open drafts of one enterprise: enough for any, and a bound for what a runaway script can store."""


async def create(desk: Desk, tx: Tx, content: dict[str, Any], org: str, now: datetime) -> DraftView:
    """A new draft. Raises ``Refused`` when the enterprise has too many that it never submitted."""
    if await store.open_drafts(tx, org) >= MOST_OPEN:
        raise Refused("draft_too_many", limit=MOST_OPEN)
    draft = Draft(uuid7(), org, content, now, submitted=False)
    await store.save_draft(tx, draft)
    return await _view(desk, tx, draft, now)


async def save(desk: Desk, tx: Tx, pilot_id: UUID, content: dict[str, Any], org: str, now: datetime) -> DraftView:
    """Replace what the draft says. Raises ``NotFound``, ``Refused`` for one that was submitted."""
    draft = replace(await _open(tx, pilot_id, org), content=content, updated_at=now)
    await store.save_draft(tx, draft)
    return await _view(desk, tx, draft, now)


async def show(desk: Desk, tx: Tx, pilot_id: UUID, org: str, now: datetime) -> DraftView:
    """The draft, and everything that would be wrong if it were submitted ``now``. Raises ``NotFound``."""
    draft = await store.load_draft(tx, pilot_id)
    if draft is None or draft.tax_code != org:
        raise NotFound("draft")
    return await _view(desk, tx, draft, now)


async def submit(desk: Desk, tx: Tx, pilot_id: UUID, org: str, now: datetime) -> Filed:
    """File the draft as an application of the same id.

    Raises ``NotFound``, and ``Refused`` for one that was submitted or that is not yet a dossier (each gap located).
    """
    draft = await _open(tx, pilot_id, org)
    dossier = _dossier(draft.content)
    if not isinstance(dossier, Dossier):
        raise Refused("draft_incomplete", status=422, problems=dossier)
    await store.save_draft(tx, replace(draft, submitted=True, updated_at=now))
    return await filing.receive(desk, tx, pilot_id, dossier, org, now)


async def discard(desk: Desk, tx: Tx, pilot_id: UUID, org: str, now: datetime) -> DraftView:
    """Throw the draft away; the answer is what it said. Raises ``NotFound``, ``Refused`` for one that was submitted."""
    draft = await _open(tx, pilot_id, org)
    await store.discard_draft(tx, pilot_id)
    return await _view(desk, tx, draft, now)


async def _open(tx: Tx, pilot_id: UUID, org: str) -> Draft:
    draft = await store.load_draft(tx, pilot_id, lock=True)
    if draft is None or draft.tax_code != org:
        raise NotFound("draft")
    if draft.submitted:
        raise Refused("draft_submitted")
    return draft


async def _view(desk: Desk, tx: Tx, draft: Draft, now: datetime) -> DraftView:
    dossier = _dossier(draft.content)
    if isinstance(dossier, Dossier):
        standing = await store.standing(tx, draft.tax_code)
        found = examine(dossier, standing, desk.law(now).rules, now, now).problems
    else:
        found = tuple(dossier)
    return DraftView(pilot_id=draft.pilot_id, content=draft.content, problems=found, updated_at=draft.updated_at)


def _dossier(content: dict[str, Any]) -> Dossier | list[Problem]:
    """The dossier that ``content`` is, or what keeps it from being one."""
    try:
        return Dossier.model_validate(content, extra="forbid")
    except ValidationError as error:
        located = [found | {"loc": ("body", *found["loc"])} for found in error.errors(include_url=False)]
        return validation.problems(located, content)
