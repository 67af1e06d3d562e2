"""What the people who keep a service running may do, alike in all services."""

from __future__ import annotations

from shared.contracts.access.rule import Ownership, Role, Rule, rule

TABLE: dict[str, Rule] = {
    "health.live": rule(Ownership.PUBLIC),
    "health.ready": rule(Ownership.PUBLIC),
    "metrics": rule(Ownership.PUBLIC),
    "asyncapi": rule(Ownership.PUBLIC),
    "openapi": rule(Ownership.PUBLIC),
    "ops.progress": rule(Ownership.ANY, Role.OPS),
    "ops.dead.list": rule(Ownership.ANY, Role.OPS, Role.AUDITOR),
    "ops.dead.show": rule(Ownership.ANY, Role.OPS, Role.AUDITOR),
    "ops.dead.resend": rule(Ownership.ANY, Role.OPS),
    "ops.republish": rule(Ownership.ANY, Role.OPS),
}
