"""Who may do what in the service applications."""

from __future__ import annotations

from shared.contracts.access.rule import Ownership, RateLimit, Role, Rule, rule

_STARTUP = rule(Ownership.OWN, Role.STARTUP)
_READERS = rule(Ownership.OWN, Role.STARTUP, Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR)

TABLE: dict[str, Rule] = {
    "applications.file": _STARTUP,
    "applications.drafts.create": _STARTUP,
    "applications.drafts.save": _STARTUP,
    "applications.drafts.show": _STARTUP,
    "applications.drafts.discard": _STARTUP,
    "applications.drafts.submit": _STARTUP,
    "applications.supplement": _STARTUP,
    "applications.withdraw": _STARTUP,
    "applications.list": _READERS,
    "applications.show": _READERS,
    "applications.pilots.list": _READERS,
    "applications.pilots.show": _READERS,
    "applications.pilots.history": _READERS,
    "applications.pilots.withdraw": _STARTUP,
    "applications.replies": _STARTUP,
    "applications.incidents": _STARTUP,
    "applications.periodic_reports": _STARTUP,
    "applications.final_report": _STARTUP,
    # Anyone's, and it judges a whole dossier's worth of answers: one address is a house, or a school behind one.
    "applications.check": rule(Ownership.PUBLIC, limit=RateLimit(each="60/minute", all="1200/minute")),
    "applications.reference": rule(Ownership.PUBLIC),
}
