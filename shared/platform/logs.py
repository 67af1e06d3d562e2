"""Logs: one JSON object a line on standard output, each with the correlation id, whoever wrote it (ours, uvicorn's, aiokafka's)."""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.platform import context

_encode = msgspec.json.Encoder(enc_hook=str).encode

# aiokafka says these as errors while a broker starts or its coordinator moves; it tries again by itself, and lag says if it does not.
_PASSING = (
    "not available",
    "Group Coordinator Request failed",
    "coordinator dead",
    "Unable to request metadata",
    "Heartbeat failed for group",
    "is rebalancing",
    "NotCoordinatorForGroup",
)


class _PassingNoise(logging.Filter):
    """Turns what aiokafka mends by itself into DEBUG, which is not shown unless asked for."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.DEBUG and any(words in record.getMessage() for words in _PASSING):
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
            return logging.getLogger().isEnabledFor(logging.DEBUG)
        return True


def configure(service: str, level: str = "INFO") -> None:
    """Set up structlog and the standard library's logging for this process."""
    number = logging.getLevelNamesMapping()[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_facts(service),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    finish: list[Processor] = [
        # Frames without their local variables: those hold people's data and secrets.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
        ),
        structlog.processors.JSONRenderer(serializer=_serialize),
    ]
    structlog.configure(
        processors=[*shared, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    handler.addFilter(_PassingNoise())
    for name, least in (("aiokafka", logging.WARNING), ("faststream", logging.WARNING), ("httpx", logging.WARNING)):
        logging.getLogger(name).setLevel(max(number, least))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = name != "uvicorn.access"  # our own line per request says more


def _add_facts(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        correlation = context.known_correlation_id()
        if correlation is not None:
            event["correlation_id"] = correlation
        return event

    return add


def _serialize(event: dict[str, Any], **_: Any) -> str:
    return _encode(event).decode()
