"""Who may do what in the service monitoring."""

from __future__ import annotations

from shared.contracts.access.rule import Ownership, RateLimit, Role, Rule, rule

_READERS = (Role.STARTUP, Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR)

TABLE: dict[str, Rule] = {
    "monitoring.reports.send": rule(Ownership.OWN, Role.STARTUP),
    "monitoring.reports.list": rule(Ownership.OWN, *_READERS),
    "monitoring.secret.issue": rule(Ownership.OWN, Role.STARTUP),
    "monitoring.findings.of_pilot": rule(Ownership.OWN, *_READERS),
    "monitoring.usage": rule(Ownership.OWN, *_READERS),
    "monitoring.risk": rule(Ownership.OWN, *_READERS),
    "monitoring.findings.list": rule(Ownership.OWN, Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR),
    # Anyone's, and each tip is a finding that an officer reads.
    "monitoring.tips.send": rule(Ownership.PUBLIC, limit=RateLimit(each="10/minute; 100/day", all="300/minute")),
    # Another authority may refer any pilot: the officer's own competence is not asked for.
    "monitoring.referrals.send": rule(Ownership.ANY, Role.OFFICER, Role.SUPERVISOR),
}
