"""How a graph is executed, as far as its file says so."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from server.errors import InvalidArgument
from switchyard.orchestrator.v1.graph_pb2 import Settings

FIELD: Final = "workflow_json.settings"
# Source: the comments of `Settings`.
MAX_TIMEOUT_SECONDS: Final = 86_400
MAX_RETRIES: Final = 10

# Templates keep theirs beside the graph. What stands later wins.
KEYS: Final = ("default_settings", "settings")


def settings_of(layers: Sequence[Mapping[str, Any]]) -> Settings:
    """Return the settings of a file; those of an inner layer win. What is null, or an empty text, is unset.

    Raises:
        InvalidArgument: one is out of bounds.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        for key in KEYS:
            found.update(_given(layer.get(key)))
    settings = Settings(
        stop_on_error=_switch(found, "stop_on_error"),
        retry_count=_retries(found.get("retry_count")),
        resume=bool(_switch(found, "resume")),
    )
    timeout = _timeout(found.get("timeout"))
    if timeout is not None:
        settings.timeout.CopyFrom(timeout)
    return settings


def _given(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidArgument.field(FIELD, "must be an object")
    given = {name: setting for name, setting in value.items() if setting not in (None, "")}
    if "timeout_seconds" in given:
        given.setdefault("timeout", given["timeout_seconds"])
    return given


def _switch(settings: Mapping[str, Any], name: str) -> bool | None:
    value = settings.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidArgument.field(f"{FIELD}.{name}", "must be true or false")
    return value


def _retries(value: object) -> int | None:
    if value is not None and not (type(value) is int and 0 <= value <= MAX_RETRIES):
        raise InvalidArgument.field(f"{FIELD}.retry_count", f"must be a whole number from 0 to {MAX_RETRIES}")
    return value


def _timeout(value: object) -> Duration | None:
    """Return the time allowed; the editors mean "no limit of its own" by zero."""
    if value is None or (value == 0 and not isinstance(value, bool)):
        return None
    if type(value) not in (int, float) or not 1 <= value <= MAX_TIMEOUT_SECONDS:  # type: ignore[operator]
        raise InvalidArgument.field(f"{FIELD}.timeout", f"must be from 1 to {MAX_TIMEOUT_SECONDS:,} seconds")
    duration = Duration()
    duration.FromMicroseconds(round(value * 1_000_000))  # type: ignore[operator]
    return duration
