"""Tips from the public, referrals from other authorities."""

from __future__ import annotations

from datetime import datetime

from services.monitoring.core import people
from services.monitoring.core.book import finding_id
from services.monitoring.handlers.desk import Desk, locked, tell
from services.monitoring.store import findings, matters, pilots
from shared.contracts.errors import Refused
from shared.contracts.events.monitoring import RuleCode
from shared.contracts.http.monitoring import ReferralSent, ReferralTaken, TipSent, TipTaken
from shared.platform.db import Tx


async def tip(desk: Desk, tx: Tx, sent: TipSent, now: datetime) -> TipTaken:
    """Take a tip; one that is known already is answered alike. Raises ``NotFound`` for an unknown pilot."""
    pilot = await locked(tx, (await pilots.named(tx, sent.pilot)).pilot_id)
    told = people.tip_of(pilot, sent.text, now)
    if await matters.add(tx, told):
        await tell(desk, tx, people.tip(pilot, told))
    return TipTaken(tip_id=told.tip_id, content_sha256=told.content_sha256)


async def refer(desk: Desk, tx: Tx, sent: ReferralSent, authority: str, now: datetime) -> ReferralTaken:
    """Take a referral of ``authority``, which must be another than the pilot's own."""
    owner = await pilots.named(tx, sent.pilot)
    if authority in owner.authorities:
        raise Refused("own_authority", "/pilot", status=409)
    pilot = await locked(tx, owner.pilot_id)
    told = people.referral_of(pilot, sent, authority, now)
    if await matters.add(tx, told):
        finding = finding_id(pilot.pilot_id, f"{RuleCode.REFERRAL}/{sent.content_sha256}", 1)
        known = await findings.is_known(tx, pilot.pilot_id, finding)
        await tell(desk, tx, people.referral(pilot, told, known=known))
    return ReferralTaken(referral_id=told.referral_id)
