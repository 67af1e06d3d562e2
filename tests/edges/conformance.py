"""What every answer of every service must be, whatever was asked."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from pydantic import ConfigDict

from shared.contracts import messages
from shared.platform.context import is_well_formed
from shared.platform.problems import MEDIA_TYPE, ProblemDetails
from tests.edges.hosting import Edge, may

_BEFORE_THE_ROLE = frozenset({404, 405, 413, 429})
"""No such path, no such method, too large, too often: said to anyone, before it is known who asks."""
_LEAKS = re.compile(r"Traceback|psycopg|File \"|site-packages|select \*|pydantic\.", re.IGNORECASE)


class _Whole(ProblemDetails):
    """Problem details with nothing missing and nothing that is not in the document."""

    model_config = ConfigDict(extra="forbid")


def check(edge: Edge, role: str, action: str, response: httpx.Response) -> None:
    """Fail unless ``response`` to a request of ``role`` for ``action`` is one that this service promises."""
    status = response.status_code
    assert status < 500 or (status == 503 and action == "health.ready"), f"{status}: {response.text[:2000]}"
    assert is_well_formed(response.headers["x-correlation-id"])
    if not may(edge.api, action, role):
        refusal = 401 if role == "nobody" else 403
        assert status in {refusal, *_BEFORE_THE_ROLE}, f"{role} got {status} from {action}"
    if status >= 400:
        _check_places(problem(response), response.request)


def _check_places(details: ProblemDetails, request: httpx.Request) -> None:
    """Fail unless each pointer names a place in what was sent, or one that is missing in a place that is there."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return
    try:
        sent = json.loads(request.content)
    except (ValueError, RecursionError):
        return
    for error in details.errors:
        if not error.pointer.startswith(("/path/", "/query/", "/header/")):
            assert _is_there(sent, error.pointer.split("/")[1:]), (
                f"{error.pointer} is nowhere in {request.content[:500]!r}"
            )


def _is_there(sent: Any, parts: list[str]) -> bool:
    for part in parts[:-1]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(sent, dict) and name in sent:
            sent = sent[name]
        elif isinstance(sent, list) and name.isdigit() and int(name) < len(sent):
            sent = sent[int(name)]
        else:
            return False
    return True


def documented(document: dict[str, Any], action: str) -> set[int]:
    """The statuses that the document names for ``action``, and 405, which no operation is."""
    operation = next(
        operation
        for operations in document["paths"].values()
        for operation in operations.values()
        if operation["operationId"] == action
    )
    return {405, *(int(status) for status in operation["responses"] if status.isdigit())}


def problem(response: httpx.Response) -> ProblemDetails:
    """The problem details of a refusal; fails unless they are whole, in both languages, and tell nothing of our insides."""
    assert response.headers["content-type"] == MEDIA_TYPE, response.text
    details = _Whole.model_validate_json(response.content)
    assert details.status == response.status_code
    assert details.type == f"urn:haukiem:problem:{details.code}"
    assert details.correlation_id == response.headers["x-correlation-id"]
    assert response.headers["content-language"] in ("vi", "en")
    assert details.detail and details.errors
    for error in details.errors:
        assert messages.text(error.code)
        assert error.vi != error.en and error.vi.strip() and error.en.strip()
        assert "không đạt quy tắc (" not in error.vi, f"no Vietnamese for: {error.en}"
        assert error.pointer == "" or error.pointer.startswith("/")
    assert not _LEAKS.search(response.text), response.text
    return details
