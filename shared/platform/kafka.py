"""One process's connection to Kafka: metadata, end offsets and the cluster's identity."""

from __future__ import annotations

from collections.abc import Collection


class Kafka:
    """Where Kafka is, and what it says of itself."""

    def __init__(self, bootstrap: str, *, client_id: str) -> None:
        self.bootstrap = bootstrap
        self.client_id = client_id

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ping(self) -> None:
        """Raises ``Transient`` unless a broker answers a metadata request now."""
        raise NotImplementedError

    async def cluster_id(self) -> str:
        raise NotImplementedError

    async def end_offsets(self, topics: Collection[str]) -> dict[tuple[str, int], int]:
        """The offset after the last record of each partition of ``topics``."""
        raise NotImplementedError
