"""The list of what was executed: in order, without secrets, cut to size, bounded as a whole."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Literal

import orjson

from workers.workflow.errors import WorkflowError
from workers.workflow.limits import Limits
from workers.workflow.redaction import Redaction, sounds_secret

Status = Literal["completed", "failed", "skipped"]

# What is shown of one value: so many characters of a text, so many items of a list or object, so many levels.
_TEXT: Final = 500
_ITEMS: Final = 20
_LEVELS: Final = 4
_CUT: Final = " … (cut)"
# Values of these types need no cutting.
_PLAIN: Final = frozenset({int, float, bool, type(None)})
# Executions are handed on when there are so many, or when the oldest has waited this long.
_BATCH: Final = 200
_SECONDS: Final = 0.1


class Executions:
    """Notes executions and hands them on in batches."""

    def __init__(
        self, hand_on: Callable[[Sequence[Mapping[str, Any]]], None], redaction: Redaction, limits: Limits
    ) -> None:
        self.count = 0
        self._hand_on = hand_on
        self._redaction = redaction
        self._limits = limits
        self._left = limits.executions_bytes
        self._times: Counter[str] = Counter()
        self._waiting: list[Mapping[str, Any]] = []
        self._due = 0.0

    def add(
        self,
        node_id: str,
        node_type: str,
        status: Status,
        began: float,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        error: WorkflowError | None = None,
    ) -> None:
        """Note the end of an execution that began at `began` on the clock of `time.perf_counter`."""
        self.count += 1
        if self.count > self._limits.executions:
            return
        now = time.perf_counter()
        execution: dict[str, Any] = {
            "node_id": node_id,
            "node_type": node_type,
            "status": status,
            "duration_ms": round((now - began) * 1000),
            "index": self._times[node_id],
            "inputs": self._written(inputs),
            "outputs": self._written(outputs),
        }
        self._times[node_id] += 1
        if error is not None:
            execution["error_message"] = self._redaction.text(error.reason)[:2000]
            execution["error_type"] = error.error_type
        if not self._waiting:
            self._due = now + _SECONDS
        self._waiting.append(execution)
        if len(self._waiting) >= _BATCH or now >= self._due:
            self.flush()

    def counts(self) -> Any:
        """Return how much has been noted, for `go_on`."""
        return [self.count, self._left, self._times]

    def go_on(self, counts: Any) -> None:
        """Count on from what an earlier attempt has noted."""
        self.count, self._left, times = counts
        self._times.update(times)

    def flush(self) -> None:
        """Hand on what is waiting."""
        if self._waiting:
            self._hand_on(self._waiting)
            self._waiting = []

    def _written(self, values: Mapping[str, Any]) -> str:
        """Return `values` as a JSON object for people: no secrets, no more than there is room for."""
        if not values:
            return "{}"
        shown = {name: self._shown(name, value) for name, value in values.items()}
        text = orjson.dumps(shown, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        if len(text) > self._limits.execution_bytes:
            shown = {name: cut(value, levels=1, items=3, characters=100) for name, value in islice(shown.items(), 10)}
            text = orjson.dumps(shown, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        if len(text) > self._left:
            return "{}"
        self._left -= len(text)
        return text

    def _shown(self, name: str, value: Any) -> Any:
        longest = self._redaction.longest
        if not longest and type(value) in _PLAIN and not sounds_secret(name):
            return value
        if not longest:
            return self._redaction.named(name, cut(value))
        # Cut behind what might be the middle of a secret first, else its beginning would stay.
        shown = self._redaction.named(name, cut(value, characters=_TEXT + longest))
        return cut(shown, levels=_LEVELS + 1, items=_ITEMS + 1)


def cut(value: Any, *, levels: int = _LEVELS, items: int = _ITEMS, characters: int = _TEXT) -> Any:
    """Return the beginning of `value`; what is left out is said."""
    if isinstance(value, str):
        return value if len(value) <= characters else value[:characters] + _CUT
    if isinstance(value, Mapping):
        if levels == 0:
            return f"({len(value)} entries)"
        inner = {
            str(name)[:characters]: cut(one, levels=levels - 1, items=items, characters=characters)
            for name, one in islice(value.items(), items)
        }
        if len(value) > items:
            inner["…"] = f"({len(value) - items} more)"
        return inner
    if isinstance(value, list):
        if levels == 0:
            return f"({len(value)} items)"
        shown = [cut(one, levels=levels - 1, items=items, characters=characters) for one in value[:items]]
        return [*shown, f"({len(value) - items} more)"] if len(value) > items else shown
    return value
