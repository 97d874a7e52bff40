"""How the worker's own log looks: one JSON object per line, or readable lines at a terminal.

Every line has `event`, `level` and `timestamp` (UTC), and while a Task is at work `task_id`, `kind` and `attempt`.
Lines of libraries, which use Python's logging, come out the same way from WARNING on.
"""

import logging
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import orjson
import structlog
from structlog.typing import Processor

_BEFORE: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logs(stream: TextIO) -> None:
    """Let every logger of this process write to `stream`."""
    after: list[Processor] = (
        [structlog.dev.ConsoleRenderer()] if stream.isatty() else [structlog.processors.format_exc_info, _as_json]
    )
    structlog.configure(
        processors=[*_BEFORE, *after],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_BEFORE, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _as_json(_logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
