"""How a run of a graph ended, and what it leaves: variables and outputs as JSON, without secrets, of bounded size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from workers.workflow.errors import WorkflowError
from workers.workflow.executions import cut
from workers.workflow.limits import Limits
from workers.workflow.redaction import Redaction

_CUT_CHARACTERS: Final = 2000


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended; `error` is None for one that did all it should. Texts are JSON objects."""

    error: WorkflowError | None
    steps: int
    variables: str
    outputs: str  # by id of node


def end_of(
    error: WorkflowError | None,
    steps: int,
    variables: Mapping[str, Any],
    outputs: Mapping[str, Any],
    redaction: Redaction,
    limits: Limits,
) -> End:
    """Return the end of a run."""
    if error is not None:
        error.reason = redaction.text(error.reason)
        error.args = (error.reason,)
    return End(error, steps, _written(variables, redaction, limits), _written(outputs, redaction, limits))


def _written(values: Mapping[str, Any], redaction: Redaction, limits: Limits) -> str:
    """Return `values` as JSON. Where all together are too large, the largest are cut first."""
    texts = {name: orjson.dumps(redaction.named(name, value)).decode() for name, value in values.items()}
    total = sum(len(text) + len(name) + 4 for name, text in texts.items())
    for name in sorted(texts, key=lambda name: len(texts[name]), reverse=True):
        if total <= limits.result_bytes:
            break
        shown = orjson.dumps(cut(redaction.named(name, values[name]), characters=_CUT_CHARACTERS)).decode()
        if len(shown) < len(texts[name]):
            total += len(shown) - len(texts[name])
            texts[name] = shown
    while texts and total > limits.result_bytes:
        name, text = texts.popitem()
        total -= len(text) + len(name) + 4
    return "{" + ",".join(f"{orjson.dumps(redaction.text(name)).decode()}:{text}" for name, text in texts.items()) + "}"
