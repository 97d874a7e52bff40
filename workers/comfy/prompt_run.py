"""One prompt, from the moment it is sent until nothing of it is left at ComfyUI.

Its end is read from ComfyUI's history, for messages may be missed; they only say when to look. The prompt has an id
that we give it, so that one whose answer was lost on the way is found again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from uuid import uuid4

import orjson

from workers.comfy.connection import Answer, Comfy
from workers.comfy.errors import ComfyUnreachable, GraphRefused, Unreachable
from workers.comfy.happenings import Course, Happening, Told, may_be_over, says_over
from workers.comfy.history import Ended, ending_of, is_queued
from workers.comfy.validation import refusal_sentence
from workers.comfy.workflow import read_graph
from workers.flow.host import Level

# ComfyUI is looked at after this time also when it says nothing: a connection may be dead without a word.
SILENCE_SECONDS: Final = 30.0
# ... and this soon when the last look failed, or the prompt is to be stopped.
AGAIN_SECONDS: Final = 1.0

# The last messages of a prompt are waited for so long; some may have been missed.
HEAR_OUT_SECONDS: Final = 0.5
# A prompt that cannot be sent for so long ends the session.
SEND_SECONDS: Final = 120.0
# For ComfyUI to let go of a prompt that has had its time: a node hears of it between two of its steps, if it has any.
LET_GO_SECONDS: Final = 60.0

# These speak of the way to ComfyUI, other errors of the graph.
_ON_THE_WAY: Final = frozenset({401, 403, 407, 408, 429, 502, 503, 504})

# What a wait ended with.
_Sign: TypeAlias = Told | Literal["back", "stop", "silence"]


class Lost(Exception):
    """ComfyUI has forgotten the prompt."""


class TimedOut(Exception):
    """The prompt has had its time."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be sent. Both are JSON; `workflow`, for ComfyUI's page, may be empty."""

    prompt: str
    workflow: str


@dataclass(frozen=True, slots=True)
class Followers:
    """What is told of a prompt while it goes on."""

    sent: Callable[[str], None]  # its id at ComfyUI
    happened: Callable[[Sequence[Happening]], None]
    log: Callable[[Level, str], None]


@dataclass(frozen=True, slots=True)
class Remains:
    """How a prompt ended, and its entry in ComfyUI's history, empty when it has none."""

    ended: Ended
    entry: Mapping[str, Any]


class PromptRun:
    """Carries out one prompt. `stop` may be set at any time; it is by itself after `seconds`."""

    def __init__(
        self,
        comfy: Comfy,
        prompt: Prompt,
        followers: Followers,
        *,
        submit_again: bool,
        seconds: float,
        let_go_seconds: float = LET_GO_SECONDS,
    ) -> None:
        self.stop = asyncio.Event()
        self.graph = read_graph(prompt.prompt)
        self._comfy = comfy
        self._prompt = prompt
        self._followers = followers
        self._submit_again = submit_again
        self._seconds = seconds
        self._let_go_seconds = let_go_seconds
        self._late = False

    async def carry_out(self) -> Remains:
        """Return how the prompt ended, once it is in ComfyUI's queue no more.

        Raises:
            GraphRefused: ComfyUI does not take it.
            Lost: ComfyUI forgot it, and it is not to be sent again.
            TimedOut: it had its time, and was stopped; or ComfyUI has it even so, and is left alone with it.
            SessionFailed: the session cannot go on.
        """
        bound = f"ComfyUI has not finished it within the {self._seconds:g} s that it may take (timeout_seconds)"
        alarm = asyncio.get_running_loop().call_later(self._seconds, self._stop_late)
        try:
            async with asyncio.timeout(self._seconds + self._let_go_seconds) as given_up:
                remains = await self._carry_out()
        except TimeoutError:
            if not given_up.expired():
                raise
            raise TimedOut(f"{bound}, and does not let go of it") from None
        finally:
            alarm.cancel()
        if self._late and remains.ended.state == "interrupted":
            raise TimedOut(bound)
        return remains

    def _stop_late(self) -> None:
        # What was to be stopped before is not late.
        self._late = not self.stop.is_set()
        self.stop.set()

    async def _carry_out(self) -> Remains:
        # What was said before belongs to others.
        self._comfy.line.forget()
        while not self.stop.is_set():
            comfy_prompt_id = await self._send(str(uuid4()))
            if comfy_prompt_id is None:
                break
            self._followers.sent(comfy_prompt_id)
            remains = await self._follow(comfy_prompt_id)
            if remains is not None:
                return remains
            if self.stop.is_set():
                break
            if not self._submit_again:
                raise Lost("ComfyUI was restarted and has forgotten the prompt")
            self._followers.log("warning", f"ComfyUI has forgotten prompt {comfy_prompt_id}; it is sent again.")
        return Remains(Ended("interrupted", "it was stopped, and ComfyUI does not have it"), {})

    async def _send(self, wanted_id: str) -> str | None:
        """Send the prompt and return the id that ComfyUI has given it; None when it was stopped before."""
        failed_since: float | None = None
        while not self.stop.is_set():
            try:
                return self._taken(await self._comfy.submit(self._fields(wanted_id)))
            except Unreachable as error:
                now = asyncio.get_running_loop().time()
                if failed_since is None:
                    failed_since = now
                    self._followers.log("warning", f"The prompt could not be sent: {error}. It is tried again.")
                if now - failed_since > SEND_SECONDS:
                    raise ComfyUnreachable(f"no prompt could be sent for {SEND_SECONDS:g} s: {error}") from error
            await self._sign(AGAIN_SECONDS)
            if await self._is_known(wanted_id):
                return wanted_id
        return None

    def _fields(self, wanted_id: str) -> str:
        # Put together from texts: the graph may be large, and nobody has to write it anew.
        page = f'{{"workflow":{self._prompt.workflow}}}' if self._prompt.workflow else "{}"
        prompt = self._prompt.prompt
        return f'"prompt_id":"{wanted_id}","prompt":{prompt},"extra_data":{{"extra_pnginfo":{page}}}'

    def _taken(self, answer: Answer) -> str:
        if answer.status >= 400 and answer.status not in _ON_THE_WAY:
            raise GraphRefused(refusal_sentence(answer.status, answer.text, self.graph))
        return str(answer.json()["prompt_id"])

    async def _is_known(self, comfy_prompt_id: str) -> bool:
        try:
            return await self._find(comfy_prompt_id) is not None
        except Unreachable:
            return False

    async def _follow(self, comfy_prompt_id: str) -> Remains | None:
        """Wait for the end of the prompt, and bring it about when it is to be stopped; None when ComfyUI forgot it."""
        course = Course(self.graph, comfy_prompt_id)
        seconds = SILENCE_SECONDS
        while True:
            sign = await self._sign(AGAIN_SECONDS if self.stop.is_set() else seconds)
            if isinstance(sign, Told):
                self._tell(course, sign)
                if not may_be_over(sign, comfy_prompt_id):
                    continue
            try:
                found = await self._find(comfy_prompt_id)
                if isinstance(found, Remains):
                    await self._hear_out(course, sign, comfy_prompt_id)
                if not isinstance(found, str):
                    return found
                if self.stop.is_set() and not isinstance(sign, Told):
                    await self._withdraw(comfy_prompt_id, found)
                seconds = SILENCE_SECONDS
            except Unreachable:
                seconds = AGAIN_SECONDS

    def _tell(self, course: Course, message: Told) -> None:
        if happenings := list(course.take(message)):
            self._followers.happened(happenings)

    async def _hear_out(self, course: Course, sign: _Sign, comfy_prompt_id: str) -> None:
        """Read the messages up to the last one of a prompt that is over: it may have been faster than they are."""
        while not (isinstance(sign, Told) and says_over(sign, comfy_prompt_id)):
            sign = await self._sign(HEAR_OUT_SECONDS)
            if not isinstance(sign, Told):
                return
            self._tell(course, sign)

    async def _find(self, comfy_prompt_id: str) -> Remains | Literal["running", "pending"] | None:
        """Return what became of the prompt, or where it is in the queue; None when ComfyUI does not know it."""
        # A prompt goes from the queue to the history at once, so it is in one of them if history is read again.
        if (remains := await self._remembered(comfy_prompt_id)) is not None:
            return remains
        queue = (await self._comfy.request("GET", "/queue")).json()
        return is_queued(queue, comfy_prompt_id) or await self._remembered(comfy_prompt_id)

    async def _remembered(self, comfy_prompt_id: str) -> Remains | None:
        history = (await self._comfy.request("GET", f"/history/{comfy_prompt_id}")).json()
        entry = history.get(comfy_prompt_id)
        return None if entry is None else Remains(ending_of(entry, self.graph), entry)

    async def _withdraw(self, comfy_prompt_id: str, place: Literal["running", "pending"]) -> None:
        """Take the prompt from ComfyUI's queue, or interrupt it. What that came to is seen at the next look."""
        if place == "pending":
            body = orjson.dumps({"delete": [comfy_prompt_id]}).decode()
            await self._comfy.request("POST", "/queue", body)
            self._comfy.line.hear(Told("status", {}))  # look at once: no word of it may come
        else:
            # Versions that do not read the id interrupt what runs, which was this one a moment ago.
            body = orjson.dumps({"prompt_id": comfy_prompt_id}).decode()
            await self._comfy.request("POST", "/interrupt", body)

    async def _sign(self, seconds: float) -> _Sign:
        """Wait for a message, for a stop that was not there before, or until nothing was said for `seconds`."""
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._comfy.line.next())]
        if not self.stop.is_set():
            waits.append(asyncio.create_task(self.stop.wait()))
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if waits[0] in done:
            sign: _Sign = waits[0].result()
            return sign
        return "stop" if self.stop.is_set() else "silence"
