"""What anybody may read: the register and the statistics. No contact, no evidence, nothing of a case that is open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.decisions.core import quarters
from services.decisions.handlers.cursors import cursor_of, instant_and_id
from services.decisions.handlers.desk import Desk
from services.decisions.store import register, statistics
from services.decisions.store.register import Search
from shared.contracts.errors import NotFound
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.http import decisions as http
from shared.platform.db import Tx

_LINE = tuple(http.RegisterLine.model_fields)


async def show_register(tx: Tx, search: Search, limit: int, cursor: str | None) -> http.RegisterPage:
    """Pilots, newest registration first."""
    rows = await register.page(tx, search, limit + 1, None if cursor is None else instant_and_id(cursor))
    lines = tuple(http.RegisterLine.model_validate({name: row[name] for name in _LINE}) for row in rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    return http.RegisterPage(
        rows=lines, next=None if last is None else cursor_of([last["registered_at"], last["pilot_id"]])
    )


async def show_entry(tx: Tx, code: str) -> http.RegisterEntry:
    """One pilot of the register, by its code, in capitals or not."""
    row = await register.entry(tx, code.strip().upper())
    if row is None:
        raise NotFound("pilot")
    decisions = await register.decisions(tx, row["pilot_id"])
    completed = next((d for d in decisions if d["kind"] == "complete" and d["effect"] == "applied"), None)
    return http.RegisterEntry.model_validate(
        {
            **row,
            "caps": row["envelope"]["caps"],
            "final_criteria": row["final_criteria"] if completed is not None else (),
            "certificate": None if completed is None else _read(completed).number,
            "issued": tuple(_decision(d) for d in decisions),
        }
    )


def _read(row: Mapping[str, Any]) -> DecisionIssued:
    return DecisionIssued.model_validate_json(row["data"])


def _decision(row: Mapping[str, Any]) -> http.RegisterDecision:
    issued = _read(row)
    return http.RegisterDecision(
        decision_id=issued.decision_id,
        number=issued.number,
        kind=issued.kind,
        authority=issued.authority,
        at=issued.at,
        public_reasons=issued.public_reasons,
        legal_bases=issued.legal_bases,
        remedy=issued.remedy,
        appeal_by=issued.appeal_by,
        made_upon=issued.made_upon,
        without_effect=row["effect"] == "without_effect",
        hash=issued.hash,
    )


async def show_statistics(desk: Desk, tx: Tx, now: datetime) -> http.Statistics:
    counts = {name: await statistics.counts(tx, name) for name in statistics.COUNTS}
    return http.Statistics.model_validate(
        {
            "at": now,
            **counts,
            **await statistics.totals(tx),
            "lead_times": await statistics.lead_times(tx),
            "figures": await _figures(desk, tx, now),
            "law_reform": await statistics.rules_in_the_way(tx),
        }
    )


async def _figures(desk: Desk, tx: Tx, now: datetime) -> list[dict[str, Any]]:
    rules = await statistics.rules_in_use(tx)
    persons = {rules_id: quarters.persons((await desk.books.frozen(tx, rules_id)).metrics) for rules_id in rules}
    return await statistics.contribution(tx, persons, now)
