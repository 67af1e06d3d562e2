"""Who may do what in the service monitoring."""

from __future__ import annotations

from shared.contracts.access.rule import Rule

TABLE: dict[str, Rule] = {}
