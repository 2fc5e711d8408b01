"""Structured logs, one JSON object a line, each with the ids of the request and of the trace that it belongs to."""

import logging
import random
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from servicekit import spans
from servicekit.tracing import TRACEPARENT_KEY

REQUEST_ID_KEY = "x-request-id"
_MAX_REQUEST_ID_CHARS = 128


def configure(service: str, level: str) -> None:
    """Send this process's logs to standard error: ours from `level` up, those of libraries from WARNING."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    _take_in_libraries(shared)


def _take_in_libraries(shared: list[structlog.typing.Processor]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # It writes down what strangers send as metadata, tokens too, as often and as long as they please.
    logging.getLogger("grpc._cython.cygrpc").disabled = True
    logging.captureWarnings(capture=True)


@contextmanager
def request(metadata: Mapping[str, str | bytes]) -> Iterator[str]:
    """Put the caller's request id, or a new one, on every log line and every call out of the block."""
    given = metadata.get(REQUEST_ID_KEY)
    usable = (
        isinstance(given, str) and given.isascii() and given.isprintable() and 0 < len(given) <= _MAX_REQUEST_ID_CHARS
    )
    request_id = str(given) if usable else str(_new_id())
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        yield request_id


def _new_id() -> uuid.UUID:
    """Return a random id; uuid4() would ask the system, which lets go of the interpreter and waits for it again."""
    return uuid.UUID(int=random.getrandbits(128), version=4)


def outgoing_metadata() -> tuple[tuple[str, str], ...]:
    """Return the metadata that carries the request id, and the place in the trace, to the next service."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    span = spans.current()
    metadata = ((REQUEST_ID_KEY, request_id),) if request_id else ()
    return (*metadata, (TRACEPARENT_KEY, span.traceparent)) if span else metadata


def _add_trace_id(_logger: object, _method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if span := spans.current():
        line["trace_id"] = span.trace_id
    return line
