"""Where to look once a season is over: commands with ids that exist, so that each leads somewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.demo.look import Seen
from shared.contracts.http.decisions import CaseView


def tour(seen: Seen) -> Iterator[tuple[str, str]]:
    """Commands and what they show. The case is one in which something was decided upon evidence, an open one if there is any."""
    yield "haukiem queue", "what waits for an officer, and why in this order"
    chosen = max(seen.cases.values(), key=_worth, default=None)
    if chosen is not None:
        yield f"haukiem case {chosen.code}", f"a case of {seen.show(chosen.pilot.pilot_id)}: items, evidence, decisions"
        yield f"haukiem pilot {chosen.pilot.code}", "its pilot: state, what comes next, what remains of each cap"
        if chosen.decisions:
            decision = max((view.decision for view in chosen.decisions), key=lambda one: (len(one.evidence), one.at))
            yield f"haukiem replay {decision.decision_id}", f"compute again what {decision.number} stood on"
    yield "haukiem token officer", "a token to call the services with; their addresses: haukiem status"
    yield "haukiem clock forward", "let time pass until something falls due"
    yield "haukiem down", "stop it all; the data stay"


def _worth(case: CaseView) -> tuple[bool, bool, int, str]:
    evidence = sum(len(view.decision.evidence) for view in case.decisions)
    return evidence > 0, case.state != "closed", evidence, case.code
