"""Errors whose type says what the caller can do. Texts stand in :mod:`shared.contracts.messages`, by code, in vi and en."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts.base import Contract
from shared.contracts.messages import TEXTS, text


class Problem(Contract):
    """One thing that is wrong and how to mend it. ``pointer`` is a JSON pointer (RFC 6901) into what was sent, "" for the whole."""

    pointer: str = ""
    code: str
    vi: str
    en: str
    legal_basis: str | None = None


def problem(code: str, pointer: str = "", legal_basis: str | None = None, /, **params: object) -> Problem:
    """Build a :class:`Problem` with the texts of ``code``; raises ``KeyError`` for a code without texts."""
    found = text(code)
    return Problem(
        pointer=pointer, code=code, vi=found.vi.format(**params), en=found.en.format(**params), legal_basis=legal_basis
    )


class HaukiemError(Exception):
    """Base of all expected errors."""


class Refused(HaukiemError):
    """The request is understood and not allowed: HTTP 409 (state) or 422 (content). Expected; the caller can mend it."""

    def __init__(
        self, code: str, pointer: str = "", *, status: int = 409, problems: Sequence[Problem] = (), **params: object
    ) -> None:
        self.status = status
        self.main = problem(code, pointer, **params)
        self.problems = tuple(problems) or (self.main,)
        super().__init__(f"{code}: {self.main.en}")

    @property
    def code(self) -> str:
        return self.main.code


class NotFound(HaukiemError):
    """There is no such thing, or it is not the caller's to see: HTTP 404 for both, so that a foreign id tells nothing.

    ``what`` chooses the words: those of ``not_found_<what>`` where there are any.
    """

    def __init__(self, what: str = "") -> None:
        code = f"not_found_{what.replace(' ', '_')}"
        self.main = problem(code if code in TEXTS else "not_found").model_copy(update={"code": "not_found"})
        super().__init__(self.main.en)


class Unauthenticated(HaukiemError):
    """No bearer token, or one that does not hold: HTTP 401. ``reason`` is for the log, never for the answer."""

    def __init__(self, reason: str = "missing token") -> None:
        self.main = problem("unauthenticated")
        super().__init__(reason)


class Forbidden(HaukiemError):
    """The caller's role may not do this: HTTP 403."""

    def __init__(self, action: str = "") -> None:
        self.main = problem("forbidden", action=action)
        super().__init__(self.main.en)


class TooMany(HaukiemError):
    """Called too often: HTTP 429. ``seconds`` is how long to wait before the next call."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.main = problem("too_many_requests", seconds=seconds)
        super().__init__(self.main.en)


class Transient(HaukiemError):
    """It may work later (the database is away): HTTP 503; a consumer pauses, backs off and tries again, and never skips."""


class Poison(HaukiemError):
    """A record that can never be handled: the consumer sets it aside with this reason, and what follows under its key waits behind it."""


class NotYet(HaukiemError):
    """A record names something that has not arrived yet: the consumer parks it until it has. ``waits_for`` says what, for people."""

    def __init__(self, waits_for: str) -> None:
        self.waits_for = waits_for
        super().__init__(f"waits for {waits_for}")
