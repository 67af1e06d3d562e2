"""The batch path from Kafka to rollups, findings and clocks: raw records in, one transaction a flush out."""

from services.monitoring.engine.engine import Engine

__all__ = ["Engine"]
