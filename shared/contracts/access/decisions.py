"""Who may do what in the service decisions."""

from __future__ import annotations

from shared.contracts.access.rule import Ownership, Role, Rule, rule

_READ = rule(Ownership.OWN, Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR)
_ACT = rule(Ownership.OWN, Role.OFFICER, Role.SUPERVISOR)
_PUBLIC = rule(Ownership.PUBLIC)

TABLE: dict[str, Rule] = {
    "decisions.queue": _READ,
    "decisions.cases.list": _READ,
    "decisions.cases.show": _READ,
    "decisions.cases.claim": _ACT,
    "decisions.cases.release": _ACT,
    "decisions.cases.snooze": _ACT,
    "decisions.cases.supplement_request": _ACT,
    "decisions.cases.propose": _ACT,
    "decisions.items.review": _ACT,
    "decisions.proposals.show": _READ,
    "decisions.proposals.edit": _ACT,
    "decisions.proposals.submit": _ACT,
    "decisions.proposals.sign": _ACT,
    "decisions.proposals.return": _ACT,
    "decisions.proposals.withdraw": _ACT,
    "decisions.decisions.show": _READ,
    "decisions.decisions.list": _READ,
    "decisions.decisions.verify_remedy": _ACT,
    "decisions.chains.show": _READ,
    "decisions.register.list": _PUBLIC,
    "decisions.register.show": _PUBLIC,
    "decisions.statistics": _PUBLIC,
}
