"""The typed client of the three services: what the command line and the demo use, and startups can.

Models are those of :mod:`shared.contracts.http`; calls are async; idempotency keys and retries are taken care of.
"""

from shared.client.client import Addresses, Client, connections
from shared.client.errors import ApiProblem, ClientError, Unreachable, Unreadable
from shared.client.transport import Patience, Token

__all__ = [
    "Addresses",
    "ApiProblem",
    "Client",
    "ClientError",
    "Patience",
    "Token",
    "Unreachable",
    "Unreadable",
    "connections",
]
