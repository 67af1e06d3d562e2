"""Who may do what: role x action x ownership, one table a service, merged here. An action is the name of its route.

Enforcement stands in one place (:mod:`shared.platform.access`); a route that is not in the table does not start.
"""

from __future__ import annotations

from shared.contracts.access import applications, decisions, monitoring, ops
from shared.contracts.access.rule import Ownership, RateLimit, Role, Rule, rule

APPLICATIONS: dict[str, Rule] = applications.TABLE | ops.TABLE
MONITORING: dict[str, Rule] = monitoring.TABLE | ops.TABLE
DECISIONS: dict[str, Rule] = decisions.TABLE | ops.TABLE

__all__ = ["APPLICATIONS", "DECISIONS", "MONITORING", "Ownership", "RateLimit", "Role", "Rule", "rule"]
