"""What ComfyUI tells over its WebSocket while it executes a prompt. Pure.

Source: https://docs.comfy.org/development/comfyui-server/comms_messages
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from workers.comfy.workflow import Graph


@dataclass(frozen=True, slots=True)
class Told:
    """One message of ComfyUI. `type` is "status", "executing", "progress" ..."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a prompt: a `PromptEvent` without its prompt and time."""

    kind: Literal["node", "progress", "cached", "executed"]
    fraction: float
    node_id: str | None = None
    node_type: str | None = None
    value: float | None = None
    max: float | None = None
    node_ids: tuple[str, ...] = ()


def told(text: str) -> Told | None:
    """Return what a text message of the WebSocket says, None when it is none that ComfyUI sends."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    data = message.get("data")
    return Told(message["type"], data if isinstance(data, dict) else {})


def may_be_over(message: Told, comfy_prompt_id: str) -> bool:
    """Tell whether a look at ComfyUI's history is due: the prompt has perhaps ended.

    Its own word of success comes before the history has it, and is not counted; a change of the queue follows.
    """
    return message.type == "status" or says_over(message, comfy_prompt_id)


def says_over(message: Told, comfy_prompt_id: str) -> bool:
    """Tell whether this is the last message of a prompt, or the one before it."""
    if message.data.get("prompt_id") not in (comfy_prompt_id, None):
        return False
    if message.type == "executing":
        return message.data.get("node") is None
    return message.type in ("execution_error", "execution_interrupted")


class Course:
    """How far one prompt is: takes what ComfyUI tells and gives what is worth telling on.

    Each node counts the same. ComfyUI tells some things in two ways, in old messages and in new ones; both are read,
    and told on once.
    """

    def __init__(self, graph: Graph, comfy_prompt_id: str) -> None:
        self._graph = graph
        self._prompt_id = comfy_prompt_id
        self._done: set[str] = set()
        self._current: str | None = None
        self._share = 0.0  # of the current node
        self._steps: tuple[str, float, float] | None = None
        self._fraction = 0.0

    def take(self, message: Told) -> Iterator[Happening]:
        """Yield what `message` says of this prompt."""
        if message.data.get("prompt_id") not in (self._prompt_id, None):
            return
        match message.type:
            case "execution_cached":
                yield from self._cached(message.data)
            case "executing":
                yield from self._begin(self._node(message.data))
            case "progress":
                yield from self._step(self._node(message.data), message.data)
            case "progress_state":
                yield from self._states(message.data)
            case "executed":
                yield from self._executed(self._node(message.data))

    def _node(self, data: Mapping[str, Any]) -> str | None:
        """Return the node of the workflow that a message is about: a node may have made others, which only it shows."""
        for name in ("node", "node_id", "display_node", "display_node_id"):
            node = data.get(name)
            if node is not None and str(node) in self._graph:
                return str(node)
        return None

    def _cached(self, data: Mapping[str, Any]) -> Iterator[Happening]:
        nodes = tuple(str(node) for node in data.get("nodes") or () if str(node) in self._graph)
        self._done.update(nodes)
        if nodes:
            yield Happening("cached", self._how_far(), node_ids=nodes)

    def _begin(self, node: str | None) -> Iterator[Happening]:
        if node is None or node == self._current:
            return
        if self._current is not None:
            self._done.add(self._current)
        self._current, self._share = node, 0.0
        yield Happening("node", self._how_far(), node, self._type(node))

    def _step(self, node: str | None, data: Mapping[str, Any]) -> Iterator[Happening]:
        value, most = data.get("value"), data.get("max")
        if node is None or not isinstance(value, int | float) or not isinstance(most, int | float) or most <= 0:
            return
        steps = (node, float(value), float(most))
        if steps == self._steps:
            return
        self._steps = steps
        yield from self._begin(node)
        self._share = min(1.0, max(0.0, value / most))
        yield Happening("progress", self._how_far(), node, self._type(node), float(value), float(most))

    def _states(self, data: Mapping[str, Any]) -> Iterator[Happening]:
        states = data.get("nodes")
        for state in states.values() if isinstance(states, dict) else ():
            node = self._node(state) if isinstance(state, dict) else None
            if node is None:
                continue
            if state.get("state") == "finished":
                self._done.add(node)
            elif state.get("state") == "running" and node not in self._done:
                yield from self._begin(node)
                # Of a node that does not count its steps it says 0 of 1.
                if state.get("max") not in (1, 1.0):
                    yield from self._step(node, state)

    def _executed(self, node: str | None) -> Iterator[Happening]:
        if node is not None:
            self._done.add(node)
            yield Happening("executed", self._how_far(), node, self._type(node))

    def _type(self, node: str) -> str:
        return str(self._graph[node].get("class_type", ""))

    def _how_far(self) -> float:
        """Return the fraction, which never shrinks."""
        share = self._share if self._current not in self._done else 0.0
        self._fraction = max(self._fraction, min(1.0, (len(self._done) + share) / max(1, len(self._graph))))
        return self._fraction
