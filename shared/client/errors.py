"""What a call may raise: the service's refusal with its code and problems, or nothing that could be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from shared.contracts.errors import Problem


class ClientError(Exception):
    """Base of what the client raises."""


class Unreachable(ClientError):
    """The service did not answer, or answered 429, 502, 503 or 504, until the client's patience was over."""

    def __init__(self, service: str, address: str, why: str) -> None:
        self.service = service
        super().__init__(f"{service} at {address} could not be reached: {why}")


class Unreadable(ClientError):
    """An answer that is not what the contract says: another address than the service's, or another version of it."""

    def __init__(self, service: str, address: str, error: ValidationError) -> None:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(step) for step in first["loc"]) or "the whole"
        super().__init__(
            f"{address} does not answer as {service} does ({where}: {first['msg']}). Is the address right, and of the same version?"
        )


class ApiProblem(ClientError):
    """An answer with problem details (RFC 9457). ``code`` is stable, ``problems`` lists all that is wrong, each with its pointer."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        problems: Sequence[Problem] = (),
        correlation_id: str | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.detail = detail
        self.problems = tuple(problems)
        self.correlation_id = correlation_id
        super().__init__(f"{status} {code}: {detail}")

    @classmethod
    def read(cls, status: int, body: Mapping[str, Any], correlation_id: str | None = None) -> ApiProblem:
        """From the members of a problem document; a member that is missing or odd is left out, never an error of its own."""
        code = body.get("code") or f"http_{status}"
        detail = body.get("detail") or body.get("title") or f"HTTP {status}"
        listed = body.get("errors")
        problems = (
            tuple(found for one in listed if (found := _problem(one)) is not None) if isinstance(listed, list) else ()
        )
        return cls(status, str(code), str(detail), problems, body.get("correlation_id") or correlation_id)


def _problem(value: object) -> Problem | None:
    try:
        return Problem.model_validate(value)
    except ValidationError:
        return None
