"""What happens to prompts while somebody looks: events that workers report, kept in memory only.

How a prompt stands is in the database; an event is worth something while it happens. Whoever follows is told twice
over: the events themselves, and that it is time to look at the database again. Servers tell one another of both.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from server.errors import ReaderTooSlow
from server.fan_out import ALONE, FanOut, Parts
from server.tasks.task import TaskRow
from switchyard.comfy.v1.prompt_pb2 import PromptEvent

# Events that wait for a reader. A node of many steps makes some dozens in a second.
KEPT_EVENTS: Final = 2_000
# Prompts of which is remembered how far they are.
KNOWN_PROMPTS: Final = 10_000

_EVENTS: Final = "comfy.events"
_PROMPT: Final = "comfy.prompt"
_SESSION: Final = "comfy.session"


class Moment(NamedTuple):
    """How far ComfyUI is with a prompt: 0 to 1, and at which node. None where nobody has said."""

    fraction: float | None = None
    node_id: str | None = None


@dataclass(slots=True, eq=False)
class Follower:
    """Somebody who follows one prompt, or all prompts of a session while `prompt_id` is empty. Looks first of all."""

    prompt_id: str
    _events: list[PromptEvent] = field(default_factory=list)
    _changed: bool = False
    _too_slow: bool = False
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.look_again()

    def tell(self, events: Sequence[PromptEvent]) -> None:
        """Keep events until they are taken."""
        self._too_slow = self._too_slow or len(self._events) + len(events) > KEPT_EVENTS
        if not self._too_slow:
            self._events += events
        self._wake.set()

    def look_again(self) -> None:
        """Say that a prompt may stand otherwise."""
        self._changed = True
        self._wake.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for something to happen and return whether it is time to look at the database, at the latest then."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            self._changed = True
        self._wake.clear()
        changed, self._changed = self._changed, False
        return changed

    def take(self) -> list[PromptEvent]:
        """Return the events since the last call. Raises ReaderTooSlow when some of them are no longer kept."""
        if self._too_slow:
            raise ReaderTooSlow()
        events, self._events = self._events, []
        return events


class Live:
    """Hands events to those who follow at this server, wherever they were reported."""

    def __init__(self, fan_out: FanOut = ALONE) -> None:
        self._fan_out = fan_out
        # By id of the session.
        self._followers: dict[str, set[Follower]] = {}
        self._moments: OrderedDict[str, Moment] = OrderedDict()
        fan_out.hear(_EVENTS, self._heard_events, missed=self._look_again)
        fan_out.hear(_PROMPT, self._heard_prompt, missed=self._look_again)
        fan_out.hear(_SESSION, self._heard_session, missed=self._look_again)

    @contextmanager
    def follow(self, session_id: str, prompt_id: str = "") -> Iterator[Follower]:
        """Hear of a session, or of one prompt of it, while the context lasts.

        Enter it before you read what you follow; then nothing falls between reading and waiting.
        """
        follower = Follower(prompt_id)
        followers = self._followers.setdefault(session_id, set())
        followers.add(follower)
        try:
            yield follower
        finally:
            followers.discard(follower)
            if not followers:
                self._followers.pop(session_id, None)

    def publish(self, session_id: str, prompt_id: str, events: Sequence[PromptEvent]) -> None:
        """Hand out events of a prompt, in order."""
        self._hand_out(session_id, prompt_id, events)
        if not self._fan_out.alone:
            told = [event.SerializeToString() for event in events]
            self._fan_out.tell(_EVENTS, session_id.encode(), prompt_id.encode(), *told)

    def moment(self, prompt_id: str) -> Moment | None:
        """Return how far ComfyUI is with a prompt, None when nobody has said it."""
        return self._moments.get(prompt_id)

    def prompt_changed(self, session_id: str, prompt: TaskRow) -> None:
        """Have those look again who follow a prompt."""
        self._have_looked(session_id, prompt.id, final=prompt.final)
        self._fan_out.tell(_PROMPT, session_id.encode(), prompt.id.encode(), b"final" if prompt.final else b"")

    def session_changed(self, session_id: str) -> None:
        """Have those look again who follow a session, or a prompt of it."""
        self._have_all_look(session_id)
        self._fan_out.tell(_SESSION, session_id.encode())

    def _heard_events(self, parts: Parts) -> None:
        session_id, prompt_id, *events = parts
        self._hand_out(session_id.decode(), prompt_id.decode(), [PromptEvent.FromString(event) for event in events])

    def _heard_prompt(self, parts: Parts) -> None:
        session_id, prompt_id, final = parts
        self._have_looked(session_id.decode(), prompt_id.decode(), final=bool(final))

    def _heard_session(self, parts: Parts) -> None:
        self._have_all_look(parts[0].decode())

    def _hand_out(self, session_id: str, prompt_id: str, events: Sequence[PromptEvent]) -> None:
        for event in events:
            self._note(prompt_id, event)
        for follower in self._followers.get(session_id, ()):
            if follower.prompt_id in ("", prompt_id):
                follower.tell(events)

    def _have_looked(self, session_id: str, prompt_id: str, *, final: bool) -> None:
        if final:
            self._moments.pop(prompt_id, None)
        for follower in self._followers.get(session_id, ()):
            if follower.prompt_id in ("", prompt_id):
                follower.look_again()

    def _have_all_look(self, session_id: str) -> None:
        for follower in self._followers.get(session_id, ()):
            follower.look_again()

    def _look_again(self) -> None:
        for session_id in self._followers:
            self._have_all_look(session_id)

    def _note(self, prompt_id: str, event: PromptEvent) -> None:
        before = self._moments.get(prompt_id, Moment())
        self._moments[prompt_id] = Moment(
            event.fraction if event.HasField("fraction") else before.fraction,
            event.node_id if event.kind == PromptEvent.KIND_NODE else before.node_id,
        )
        self._moments.move_to_end(prompt_id)
        if len(self._moments) > KNOWN_PROMPTS:
            self._moments.popitem(last=False)
