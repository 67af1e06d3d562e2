"""Who may do what in the service decisions."""

from __future__ import annotations

from shared.contracts.access.rule import Rule

TABLE: dict[str, Rule] = {}
