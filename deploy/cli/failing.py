"""How a command fails: one clear message, and an exit code."""

from __future__ import annotations

REFUSED, NOT_RUNNING, INTERRUPTED = 1, 3, 130
"""Exit codes beside 0; wrong usage is 2, as everywhere."""


class Failure(Exception):
    """A command that cannot go on, in one clear line; ``code`` is the exit code."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
