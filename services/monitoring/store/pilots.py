"""Pilots as the applications topic tells of them. The row's lock orders everything about one pilot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from services.monitoring.core.facts import PilotFacts
from shared.contracts.errors import NotFound
from shared.platform.db import Tx


@dataclass(frozen=True)
class KnownPilot:
    """The facts at ``change``. ``secrets`` are, by source, those that may sign its records."""

    facts: PilotFacts
    change: int
    partition: int
    secrets: Mapping[str, tuple[bytes, ...]]


@dataclass(frozen=True)
class Owner:
    """To whom a pilot belongs, for the question who may see it."""

    pilot_id: UUID
    code: str
    tax_code: str
    authorities: tuple[str, ...]


async def facts_locked(tx: Tx, pilot_id: UUID) -> PilotFacts | None:
    """Lock the pilot and read its facts; None when it is not known."""
    cursor = await tx.execute("select facts from pilot where pilot_id = %s for update", (pilot_id,))
    row = await cursor.fetchone()
    return None if row is None else PilotFacts.model_validate(row["facts"])


async def save_facts(tx: Tx, facts: PilotFacts, partition: int) -> None:
    """Store the facts under the next change number; the engine takes them in."""
    await tx.execute(
        """
        insert into pilot (pilot_id, code, tax_code, authorities, partition, facts, change) values (%s, %s, %s, %s, %s, %s, 1)
        on conflict (pilot_id) do update set facts = excluded.facts, change = pilot.change + 1
        """,
        (
            *(facts.pilot_id, facts.code, facts.tax_code, list(facts.authorities), partition),
            Jsonb(facts.model_dump(mode="json")),
        ),
    )


async def touch(tx: Tx, pilot_id: UUID) -> None:
    """Count a change that the engine has to notice beside the facts themselves."""
    await tx.execute("update pilot set change = change + 1 where pilot_id = %s", (pilot_id,))


async def stored(tx: Tx, pilot_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Those of ``pilot_ids`` that are known, as they stand: what :func:`read` makes a :class:`KnownPilot` of, in JSON."""
    cursor = await tx.execute(
        """
        select p.pilot_id, p.facts, p.change, p.partition,
               coalesce(jsonb_object_agg(s.source, jsonb_build_array(encode(s.ingest_secret, 'hex'), encode(s.secret, 'hex')))
                        filter (where s.source is not null), '{}') as secrets
        from pilot p left join source s using (pilot_id) where p.pilot_id = any(%s) group by p.pilot_id
        """,
        (list(pilot_ids),),
    )
    return {row.pop("pilot_id"): row for row in await cursor.fetchall()}


def read(row: Mapping[str, Any]) -> KnownPilot:
    """What the engine needs of a pilot that :func:`stored` gave."""
    secrets = {
        source: tuple(bytes.fromhex(secret) for secret in both if secret) for source, both in row["secrets"].items()
    }
    return KnownPilot(PilotFacts.model_validate(row["facts"]), row["change"], row["partition"], secrets)


async def changed(tx: Tx, partitions: Collection[int], limit: int) -> list[UUID]:
    """Pilots of ``partitions`` with changes that the engine has not taken in."""
    cursor = await tx.execute(
        "select pilot_id from pilot where partition = any(%s) and change <> seen limit %s", (list(partitions), limit)
    )
    return [row["pilot_id"] for row in await cursor.fetchall()]


async def changes(tx: Tx, pilot_ids: Collection[UUID]) -> dict[UUID, int]:
    """Under which number the facts of these pilots stand now."""
    cursor = await tx.execute("select pilot_id, change from pilot where pilot_id = any(%s)", (list(pilot_ids),))
    return {row["pilot_id"]: row["change"] for row in await cursor.fetchall()}


async def count_changed(tx: Tx) -> int:
    """How many pilots have changes that the engine has not taken in."""
    row = await (await tx.execute("select count(*) as n from pilot where change <> seen")).fetchone()
    return int(row["n"]) if row else 0


async def mark_seen(tx: Tx, seen: Mapping[UUID, int]) -> None:
    await tx.execute(
        "update pilot p set seen = v.change from unnest(%s::uuid[], %s::bigint[]) as v(pilot_id, change) where p.pilot_id = v.pilot_id",
        (list(seen), list(seen.values())),
    )


async def others_of(tx: Tx, enterprise: str, pilot_id: UUID) -> list[UUID]:
    """The operator's other pilots that have not ended, in one order for all."""
    cursor = await tx.execute(
        "select pilot_id from pilot where left(tax_code, 10) = %s and pilot_id <> %s "
        "and facts -> 'states' -> -1 ->> 'state' <> 'ended' order by pilot_id",
        (enterprise, pilot_id),
    )
    return [row["pilot_id"] for row in await cursor.fetchall()]


async def lock(tx: Tx, pilot_ids: Collection[UUID]) -> None:
    """Lock the pilots, in one order for all, so that what is told of each keeps its order."""
    await tx.execute(
        "select 1 from pilot where pilot_id = any(%s) order by pilot_id for no key update", (sorted(pilot_ids),)
    )


async def owner(tx: Tx, pilot_id: UUID) -> Owner:
    """Raises ``NotFound`` for a pilot that is not known."""
    return await _owner(tx, "pilot_id = %s", pilot_id)


async def named(tx: Tx, name: str) -> Owner:
    """The pilot with this id or this code. Raises ``NotFound``."""
    try:
        return await _owner(tx, "pilot_id = %s", UUID(name))
    except ValueError:
        return await _owner(tx, "code = upper(%s)", name)


async def facts(tx: Tx, pilot_id: UUID) -> PilotFacts:
    """Raises ``NotFound`` for a pilot that is not known."""
    row = await (await tx.execute("select facts from pilot where pilot_id = %s", (pilot_id,))).fetchone()
    if row is None:
        raise NotFound("pilot")
    return PilotFacts.model_validate(row["facts"])


async def _owner(tx: Tx, condition: str, value: object) -> Owner:
    cursor = await tx.execute(
        f"select pilot_id, code, tax_code, authorities from pilot where {condition}",  # noqa: S608 - our own two conditions
        (value,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("pilot")
    return Owner(row["pilot_id"], row["code"], row["tax_code"], tuple(row["authorities"]))
