"""How the server writes its log: one JSON object per line, or readable lines at a terminal.

Every line has `event`, `level` and `timestamp` (UTC), and `request_id` while a call is served. Lines of libraries,
which use Python's logging, come out the same way.
"""

import logging
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import Processor

from server.rpc.request_id import add_request_id

# What tells more than an operator wants to know.
_QUIET: Final = ("alembic", "arq", "asyncio", "uvicorn", "websockets")


def configure_logging(stream: TextIO) -> None:
    """Let every logger of this process write to `stream`."""
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Processor] = _for_people() if stream.isatty() else _for_programs()
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def request_writer(stream: TextIO) -> Callable[..., None]:
    """Return what writes one line to `stream` for each HTTP request that was served, with the fields it is given.

    There is one for each request, so lines for programs take a shorter way than all others: 3 us instead of 20.
    """
    if stream.isatty():
        log = structlog.get_logger()
        return lambda **fields: log.info("request served", **fields)

    def write(**fields: object) -> None:
        fields["event"] = "request served"
        fields["level"] = "info"
        fields["timestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        stream.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE).decode())
        stream.flush()

    return write


def _for_people() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer()]


def _for_programs() -> list[Processor]:
    return [structlog.processors.format_exc_info, _as_json]


def _as_json(_logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
