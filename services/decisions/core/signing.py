"""Who may put a name to a proposal. Every reading of four eyes that does not hold is refused with its own code."""

from __future__ import annotations

from services.decisions.core.life import Proposal, ProposalState
from services.decisions.core.model import Actor, Case, Pilot
from shared.contracts.errors import Refused
from shared.contracts.rules import FrozenRules, SecondSigner


def signer_of(rules: FrozenRules, kind: str) -> SecondSigner | None:
    """Who signs second, None where one signature is enough."""
    return rules.decision_types[kind].second_signer if rules.needs_second_signer(kind) else None


def check_proposer(proposal: Proposal, actor: Actor) -> None:
    """Only who drafted a proposal changes it, sends it on or takes it back: the first pair of eyes is one person's."""
    if actor.sub != proposal.proposer:
        raise Refused("not_the_proposer", proposer=proposal.proposer)
    if actor.authority != proposal.authority:
        raise Refused("proposal_of_other_authority", authority=proposal.authority)


def check_second(proposal: Proposal, rules: FrozenRules, actor: Actor) -> None:
    """The second signer is another person of the same authority, who did not draft it; a supervisor where the row says so."""
    if proposal.state is not ProposalState.AWAITING_SECOND:
        raise Refused("proposal_not_awaiting_second", state=proposal.state)
    if actor.authority != proposal.authority:
        raise Refused("second_signer_of_other_authority", authority=proposal.authority)
    if actor.sub == proposal.proposer:
        raise Refused("second_signer_drafted")
    if signer_of(rules, proposal.content.kind) is SecondSigner.SUPERVISOR and not actor.supervisor:
        raise Refused("second_signer_not_supervisor", kind=proposal.content.kind)


def check_part(pilot: Pilot, actor: Actor) -> None:
    """Defence in depth: the edge hides foreign cases; should one come through, nothing is done for an authority without a part."""
    if actor.authority not in pilot.authorities:
        raise Refused("no_part_in_case", authority=actor.authority)


def check_lead(pilot: Pilot, actor: Actor) -> None:
    """What moves the whole case in everybody's queue is the lead authority's."""
    if actor.authority != pilot.lead_authority:
        raise Refused("not_the_lead_authority", authority=pilot.lead_authority)


def check_claim(case: Case, actor: Actor) -> None:
    """A case that a colleague has claimed for the authority is the colleague's to propose in; a supervisor may step in."""
    holder = case.claims.get(actor.authority)
    if holder is not None and holder != actor.sub and not actor.supervisor:
        raise Refused("claimed_by_another", holder=holder)
