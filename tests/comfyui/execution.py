"""Executes prompts, one after the other, remembers results, and tells the page what happens.

Source: `PromptExecutor` of execution.py, `progress.py` and `prompt_worker` of main.py,
https://github.com/comfyanonymous/ComfyUI.
"""

import json
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.comfyui.folders import Folders
from tests.comfyui.nodes import NODE_TYPES, Call, Interrupted, Result
from tests.comfyui.prompt_queue import PromptQueue, QueuedPrompt

# Event, its data, and the client to tell; None means all.
Send = Callable[[str, dict[str, Any], str | None], Awaitable[None]]


@dataclass
class Executor:
    """Takes from the queue until it is cancelled."""

    queue: PromptQueue
    folders: Folders
    send: Send
    # Results of the last prompt by what they depend on: as in ComfyUI, an equal node is not executed again.
    results: dict[str, Result] = field(default_factory=dict)
    client_id: str | None = None
    # What a page that connects again is told.
    current_node: str | None = None

    async def work(self) -> None:
        while True:
            item = await self.queue.take()
            self.client_id = item.extra_data.get("client_id")
            entry = await Execution(self, item).run()
            self.current_node = None
            # First the history, then the events: who has heard of the end finds the results.
            await self.queue.finish(entry)
            await self.tell("executing", {"node": None, "prompt_id": item.prompt_id})

    async def tell(self, event: str, data: dict[str, Any]) -> None:
        """Tell the client that sent the prompt, if it gave its id."""
        if self.client_id is not None:
            await self.send(event, data, self.client_id)


@dataclass
class Execution:
    """One prompt on its way."""

    executor: Executor
    item: QueuedPrompt
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    progress: dict[str, dict[str, Any]] = field(default_factory=dict)
    executed: list[str] = field(default_factory=list)
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    async def run(self) -> dict[str, Any]:
        """Execute it and return its entry of the history."""
        await self._note("execution_start", {})
        for node_id in self.item.prompt:
            self._key(node_id)
        kept = self.executor.results
        self.executor.results = {key: kept[key] for key in self.keys.values() if key in kept}
        cached = [node_id for node_id, key in self.keys.items() if key in self.executor.results]
        await self._note("execution_cached", {"nodes": cached})
        for output in self.item.outputs:
            if not await self._done(output):
                return self._entry("error")
        await self._note("execution_success", {})
        return self._entry("success")

    def _entry(self, status: str) -> dict[str, Any]:
        return {
            "prompt": self.item.as_json(),
            "outputs": {node_id: dict(result) for node_id, result in self.shown.items()},
            "status": {"status_str": status, "completed": status == "success", "messages": self.messages},
            "meta": {
                node_id: {
                    "node_id": node_id,
                    "display_node": node_id,
                    "parent_node": None,
                    "real_node_id": node_id,
                }
                for node_id in self.shown
            },
        }

    def _key(self, node_id: str) -> str:
        """What the result of a node depends on: its type, its inputs, and all nodes before it."""
        if node_id not in self.keys:
            node = self.item.prompt[node_id]
            kind = NODE_TYPES[node["class_type"]]
            parts = [node["class_type"], kind.fingerprint(node["inputs"], self.executor.folders)]
            for name, value in sorted(node["inputs"].items()):
                # A part of the graph that no good output needs may lead to nowhere.
                linked = isinstance(value, list) and value[0] in self.item.prompt
                parts.append([name, self._key(value[0]), value[1]] if linked else [name, value])
            self.keys[node_id] = json.dumps(parts)
        return self.keys[node_id]

    async def _done(self, node_id: str) -> bool:
        """Execute a node and all it needs, unless their results are known; return False when one failed."""
        known = self.executor.results.get(self.keys[node_id])
        if known is not None:
            await self._show(node_id, known)
            await self._set_progress(node_id, "finished", 1, 1)
            return True
        node = self.item.prompt[node_id]
        sources = [value[0] for value in node["inputs"].values() if isinstance(value, list)]
        for source in sources:
            if source not in self.executed and not await self._done(source):
                return False
        return await self._execute(node_id)

    async def _execute(self, node_id: str) -> bool:
        await self._set_progress(node_id, "running", 0, 1)
        self.executor.current_node = node_id
        facts = {"node": node_id, "display_node": node_id, "prompt_id": self.item.prompt_id}
        await self.executor.tell("executing", facts)
        try:
            self._check()
            result = await NODE_TYPES[self.item.prompt[node_id]["class_type"]].run(self._call(node_id))
        except Interrupted:
            await self._note("execution_interrupted", self._place(node_id), everybody=True)
            return False
        except Exception as error:  # noqa: BLE001 -- whatever a node raises is told
            await self._set_progress(node_id, "error", 0, 1)
            await self._note("execution_error", self._place(node_id) | failure(error, self._values(node_id)))
            return False
        self.executor.results[self.keys[node_id]] = result
        self.executed.append(node_id)
        await self._show(node_id, result)
        await self._set_progress(node_id, "finished", 1, 1)
        return True

    def _call(self, node_id: str) -> Call:
        async def report(value: int, whole: int) -> None:
            self._check()
            await self._set_progress(node_id, "running", value, whole)
            data = {"value": value, "max": whole, "prompt_id": self.item.prompt_id, "node": node_id}
            await self.executor.tell("progress", data)

        return Call(
            inputs=self._values(node_id),
            prompt=self.item.prompt,
            extra_data=self.item.extra_data,
            folders=self.executor.folders,
            report=report,
            check=self._check,
        )

    def _values(self, node_id: str) -> dict[str, Any]:
        inputs = self.item.prompt[node_id]["inputs"]
        return {
            name: self.executor.results[self.keys[value[0]]].values[value[1]] if isinstance(value, list) else value
            for name, value in inputs.items()
        }

    def _check(self) -> None:
        if self.executor.queue.interrupted:
            raise Interrupted

    def _place(self, node_id: str) -> dict[str, Any]:
        node_type = self.item.prompt[node_id]["class_type"]
        return {"node_id": node_id, "node_type": node_type, "executed": list(self.executed)}

    async def _show(self, node_id: str, result: Result) -> None:
        if not result.ui:
            return
        self.shown[node_id] = {kind: list(entries) for kind, entries in result.ui.items()}
        facts = {"node": node_id, "display_node": node_id, "prompt_id": self.item.prompt_id}
        await self.executor.tell("executed", facts | {"output": self.shown[node_id]})

    async def _set_progress(self, node_id: str, state: str, value: float, whole: float) -> None:
        self.progress[node_id] = {
            "value": value,
            "max": whole,
            "state": state,
            "node_id": node_id,
            "prompt_id": self.item.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        data = {"prompt_id": self.item.prompt_id, "nodes": self.progress}
        await self.executor.tell("progress_state", data)

    async def _note(self, event: str, data: dict[str, Any], *, everybody: bool = False) -> None:
        """Tell, and keep for the history."""
        whole = {"prompt_id": self.item.prompt_id, **data, "timestamp": int(time.time() * 1000)}
        self.messages.append((event, whole))
        if everybody:
            await self.executor.send(event, whole, None)
        else:
            await self.executor.tell(event, whole)


def failure(error: Exception, inputs: dict[str, Any]) -> dict[str, Any]:
    """What ComfyUI tells of a node that failed."""
    return {
        # ComfyUI adds its advice on a line of its own, also where it has none.
        "exception_message": f"{error}\n",
        "exception_type": type(error).__name__,
        "traceback": traceback.format_tb(error.__traceback__),
        "current_inputs": {name: [shown(value)] for name, value in inputs.items()},
        "current_outputs": [],
    }


def shown(value: Any) -> Any:
    """A value of an input, as text unless JSON has it."""
    return value if isinstance(value, str | int | float) else str(value)
