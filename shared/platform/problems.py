"""Problem details (RFC 9457): every refusal of every service in one form, in the caller's language, with all its errors located."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from shared.contracts.errors import Problem, problem
from shared.platform import context

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """What is answered when a request is refused. ``detail`` is in the language asked for; ``errors`` carry both."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Problem]
    instance: str
    correlation_id: str


def language(accept: str) -> str:
    """``vi`` or ``en``, whichever ``Accept-Language`` (RFC 9110, 12.5.4) likes better; ``vi`` when it says nothing of either."""
    best = {"vi": 0.0, "en": 0.0}
    for part in accept.lower().split(","):
        tag, _, quality = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=(0(\.\d{0,3})?|1(\.0{0,3})?)\s*", quality) if quality else None
        weight = float(match[1]) if match else (0.0 if quality else 1.0)
        primary = tag.strip().split("-")[0]
        if primary in best:
            best[primary] = max(best[primary], weight)
    return "en" if best["en"] > best["vi"] else "vi"


def answer(
    request: Request,
    status: int,
    main: Problem,
    errors: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response that says ``main``, with all ``errors`` (by default ``main`` alone)."""
    spoken = language(request.headers.get("accept-language", ""))
    details = ProblemDetails(
        type=f"urn:haukiem:problem:{main.code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=main.en if spoken == "en" else main.vi,
        code=main.code,
        errors=list(errors) or [main],
        instance=request.url.path,
        correlation_id=context.correlation_id(),
    )
    return Response(
        details.model_dump_json(),
        status,
        {"Content-Language": spoken, "Cache-Control": "no-store", **(headers or {})},
        MEDIA_TYPE,
    )


def internal(request: Request) -> Response:
    """The answer to a defect of ours: it names the correlation id and nothing else."""
    return answer(request, 500, problem("internal", correlation_id=context.correlation_id()))


def pointer(place: Sequence[Any]) -> str:
    """The JSON pointer (RFC 6901) of a pydantic location: into the body, or ``/query/…``, ``/path/…``, ``/header/…``."""
    parts = list(place)
    if parts and parts[0] == "body":
        parts = parts[1:]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
