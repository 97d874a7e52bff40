"""ComfyUI's refusal of a graph, in sentences that name its nodes. Pure.

Source: `validate_prompt` and `validate_inputs` of ComfyUI's execution.py, `post_prompt` of its server.py.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from workers.comfy.workflow import Graph, name_in

# Sentences, and characters of each.
_SENTENCES: Final = 20
_LENGTH: Final = 400


def refusal_sentence(status: int, body: str, graph: Graph) -> str:
    """Return why ComfyUI answered a prompt with `status` and `body`: the error, then what each node lacks."""
    answer = _object(body)
    error = answer.get("error")
    head = _error_text(error) if isinstance(error, dict) else str(error or f"status {status}")
    nodes = list(_node_sentences(answer.get("node_errors"), graph))
    more = [f"and {len(nodes) - _SENTENCES} more"] if len(nodes) > _SENTENCES else []
    return "; ".join([f"ComfyUI refuses the graph: {_cut(head)}", *nodes[:_SENTENCES], *more])


def _node_sentences(node_errors: object, graph: Graph) -> Iterator[str]:
    # An empty list stands for none in ComfyUI's answers.
    for node_id, found in node_errors.items() if isinstance(node_errors, dict) else ():
        errors = found.get("errors") if isinstance(found, dict) else None
        for error in errors if isinstance(errors, list) else ():
            yield f"{name_in(graph, node_id)}: {_cut(_error_text(error))}"


def _error_text(error: Mapping[str, Any]) -> str:
    message, details = (str(error.get(part) or "").strip() for part in ("message", "details"))
    return ": ".join(part for part in (message, details) if part) or str(error.get("type") or "no reason given")


def _object(body: str) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LENGTH else line[: _LENGTH - 1] + "…"
