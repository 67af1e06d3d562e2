"""Every event of the system, by its CloudEvents type."""

from __future__ import annotations

from shared.contracts.base import Event
from shared.contracts.events import applications, decisions, monitoring

BY_TYPE: dict[str, type[Event]] = {
    event.type_name(): event for module in (applications, monitoring, decisions) for event in module.EVENTS
}
"""Domain events by type name. Metric reports are not domain events: see :mod:`shared.contracts.events.metrics`."""
