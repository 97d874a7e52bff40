"""The prompts that wait, the one that runs, and those that have ended. All of it is forgotten when ComfyUI ends.

Source: `PromptQueue` of execution.py, https://github.com/comfyanonymous/ComfyUI.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass, field
from typing import Any

Changed = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class QueuedPrompt:
    """One prompt; the smallest number goes first."""

    number: float
    prompt_id: str
    prompt: dict[str, Any]
    extra_data: dict[str, Any]
    outputs: list[str]

    def as_json(self) -> list[Any]:
        """As /queue and /history show it."""
        return [self.number, self.prompt_id, self.prompt, self.extra_data, self.outputs]


@dataclass
class PromptQueue:
    """One prompt runs at a time. `changed` is called after each change of what waits or runs."""

    changed: Changed
    history: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: QueuedPrompt | None = None
    interrupted: bool = False
    _waiting: list[tuple[float, int, QueuedPrompt]] = field(default_factory=list)
    _count: int = 0
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def remaining(self) -> int:
        """How many wait or run."""
        return len(self._waiting) + (self.running is not None)

    @property
    def waiting(self) -> list[QueuedPrompt]:
        """Those that wait, the next one first."""
        return [item for _, _, item in sorted(self._waiting, key=lambda entry: entry[:2])]

    async def put(self, item: QueuedPrompt) -> None:
        """Add a prompt."""
        self._count += 1
        heapq.heappush(self._waiting, (item.number, self._count, item))
        self._filled.set()
        await self.changed()

    async def take(self) -> QueuedPrompt:
        """Wait for a prompt and make it the running one. What was interrupted before does not count for it."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        self.running = heapq.heappop(self._waiting)[2]
        self.interrupted = False
        await self.changed()
        return self.running

    async def finish(self, entry: dict[str, Any]) -> None:
        """Put the running prompt into the history."""
        assert self.running is not None
        self.history[self.running.prompt_id] = entry
        self.running = None
        await self.changed()

    def interrupt(self, prompt_id: str | None) -> None:
        """Interrupt what runs; with an id only if that is what runs."""
        if prompt_id is None or (self.running is not None and self.running.prompt_id == prompt_id):
            self.interrupted = True

    async def delete(self, prompt_ids: Container[str]) -> None:
        """Forget those of them that wait. They never come into the history."""
        self._waiting = [entry for entry in self._waiting if entry[2].prompt_id not in prompt_ids]
        heapq.heapify(self._waiting)
        await self.changed()

    async def clear(self) -> None:
        """Forget all that wait."""
        self._waiting = []
        await self.changed()
