"""Calls that callers make to a session, on their way to the worker that holds it and back.

A call stays with its caller until it is answered. While nobody follows the session it waits a moment, because a worker
that lost its connection comes back; then it is refused. The worker may follow at another server than the caller asks:
then `elsewhere` takes the call there, and the answer back.
"""

import asyncio
import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

from server.comfy.elsewhere import Elsewhere
from server.errors import BrowserGone, NotFound
from server.fan_out import ALONE, FanOut
from server.tasks.changes import Watch
from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb

Call: TypeAlias = pb.FollowCallsResponse
Answer: TypeAlias = pb.AnswerCallRequest

# How long a call waits for somebody to follow, and for its answer.
FOLLOWER_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 90.0
# So many times within the former a caller says at other servers that he still waits.
_REMINDERS: Final = 4


class Calls:
    """The calls of all sessions that are made, or followed, at this server."""

    def __init__(
        self,
        fan_out: FanOut = ALONE,
        *,
        follower_seconds: float = FOLLOWER_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._follower_seconds = follower_seconds
        self._answer_seconds = answer_seconds
        # Unlike those of other servers: a worker meets calls of all of them.
        self._numbers = itertools.count(1 + (secrets.randbits(20) << 32))
        # By id of the session; there while somebody calls or follows.
        self._lines: dict[str, _Line] = {}
        self._elsewhere = Elsewhere(fan_out, self)

    async def ask(self, session_id: str, call: Call) -> Answer:
        """Pass `call` on and return its answer.

        Raises:
            BrowserGone: nobody follows the session, it ends meanwhile, or the answer does not come.
        """
        call.number = next(self._numbers)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        with self._line(session_id) as line:
            waiting = line.add(call, answered)
            if line.follower is None:
                self._give_up_soon(line)
            try:
                async with asyncio.timeout(self._answer_seconds):
                    return await self._answer(session_id, line, waiting, answered)
            except TimeoutError as error:
                raise BrowserGone(f"no answer within {self._answer_seconds:g} s") from error
            finally:
                line.drop(call.number)
                self._elsewhere.withdraw(session_id, call.number)

    @contextmanager
    def follow(self, session_id: str, watch: Watch) -> Iterator["Follower"]:
        """Follow the calls of a session; `watch` is woken for each. Whoever follows after you takes your place."""
        with self._line(session_id) as line:
            follower = Follower(line, watch)
            line.follower = follower
            self._elsewhere.say_followed(session_id)
            try:
                yield follower
            finally:
                if line.follower is follower:
                    line.follower = None
                    self._give_up_soon(line)

    def answer(self, session_id: str, answer: Answer) -> None:
        """Hand an answer to the caller who waits for it.

        Raises:
            NotFound: nobody does.
        """
        line = self._lines.get(session_id)
        if line is not None and line.answer(answer):
            return
        # Calls pass the server at which the session is followed, so it knows of each.
        known_here = line is not None and line.follower is not None and not line.waits(answer.number)
        if self._elsewhere.nobody or known_here:
            raise NotFound(f"nobody waits for call {answer.number} any more", number=str(answer.number))
        if line is not None:
            line.pass_on(answer)
        self._elsewhere.answer(session_id, answer)

    def session_ended(self, session_id: str, cause: str) -> None:
        """Refuse the calls of a session that is over, those at other servers too."""
        self.refuse(session_id, cause)
        self._elsewhere.say_ended(session_id, cause)

    # What other servers tell, by way of `elsewhere`.

    def take_over(self, session_id: str, call: Call) -> bool:
        """Take a call of a caller elsewhere if the session is followed here, and return whether it is."""
        line = self._lines.get(session_id)
        if line is None or line.follower is None:
            return False
        line.take_over(call, until=_now() + 2 * self._follower_seconds)
        self._pass_on_again(session_id, line, call.number)
        return True

    def remind(self, session_id: str, number: int) -> bool:
        """Know that a caller elsewhere still waits, and return whether his call is here."""
        line = self._lines.get(session_id)
        if line is None or not line.remind(number, until=_now() + 2 * self._follower_seconds):
            return False
        self._pass_on_again(session_id, line, number)
        return True

    def drop(self, session_id: str, number: int) -> None:
        """Forget a call of a caller elsewhere."""
        line = self._lines.get(session_id)
        if line is not None:
            line.drop(number)

    def held(self, session_id: str, number: int) -> None:
        """Know that a server has taken a call of ours."""
        line = self._lines.get(session_id)
        if line is not None and number in line.calls:
            line.calls[number].held = True
            line.followed_until = _now() + self._follower_seconds

    def followed(self, session_id: str) -> None:
        """Know that the session is followed elsewhere from now on: who follows here is left alone by the worker."""
        line = self._lines.get(session_id)
        if line is not None:
            line.followed_until = _now() + self._follower_seconds
            line.step_down()
            for waiting in line.own():
                self._elsewhere.ask(session_id, waiting.call)

    def answered(self, session_id: str, answer: Answer) -> None:
        """Hand an answer from elsewhere to the caller, if he waits here."""
        line = self._lines.get(session_id)
        if line is not None and not line.answer(answer):
            line.pass_on(answer)

    def refuse(self, session_id: str, cause: str) -> None:
        """Refuse the calls of a session to those who wait here."""
        line = self._lines.get(session_id)
        if line is not None:
            line.refuse(cause)

    def _pass_on_again(self, session_id: str, line: "_Line", number: int) -> None:
        """Repeat an answer to a caller elsewhere who still waits: it was lost, or has crossed with his words."""
        answer = line.calls[number].passed_on
        if answer is not None:
            self._elsewhere.answer(session_id, answer)

    async def _answer(
        self, session_id: str, line: "_Line", waiting: "_Waiting", answered: "asyncio.Future[Answer]"
    ) -> Answer:
        """Wait for the answer, and let other servers know of it while the session is not followed here."""
        while not answered.done():
            if line.follower is None:
                if waiting.held:
                    # Once more unless it is confirmed until the next turn.
                    waiting.held = False
                    self._elsewhere.remind(session_id, waiting.call.number)
                else:
                    self._elsewhere.ask(session_id, waiting.call)
            await asyncio.wait([answered], timeout=self._follower_seconds / _REMINDERS)
        return answered.result()

    def _give_up_soon(self, line: "_Line") -> None:
        """Refuse the calls of `line` unless somebody follows it in time, here or elsewhere."""
        loop = asyncio.get_running_loop()

        def give_up() -> None:
            if line.follower is not None or not line.calls:
                return
            left = line.followed_until - _now()
            if left > 0:
                loop.call_later(left, give_up)
            else:
                line.refuse("no worker follows the session")

        loop.call_later(self._follower_seconds, give_up)

    @contextmanager
    def _line(self, session_id: str) -> Iterator["_Line"]:
        line = self._lines.setdefault(session_id, _Line())
        line.users += 1
        try:
            yield line
        finally:
            line.users -= 1
            if not line.users:
                del self._lines[session_id]


class Follower:
    """A worker that follows the calls of a session."""

    def __init__(self, line: "_Line", watch: Watch) -> None:
        self._line = line
        self._sent = 0
        self.watch = watch

    @property
    def replaced(self) -> bool:
        """Whether somebody else follows the session now."""
        return self._line.follower is not self

    def take(self) -> list[Call]:
        """Return the calls that nobody has answered and that you have not got yet, in the order they came in."""
        waiting = self._line.behind(self._sent)
        if waiting:
            self._sent = waiting[-1].place
        return [one.call for one in waiting]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call that waits. `place` tells which was there before."""

    call: Call
    place: int
    # Where its caller waits here; None: he does elsewhere, and is forgotten then unless he says that he still waits.
    answered: "asyncio.Future[Answer] | None"
    until: float = 0.0
    # Whether another server has said that it has it.
    held: bool = False
    # What a caller elsewhere was answered. He may ask once more before he has it, and nothing is done twice.
    passed_on: Answer | None = None


class _Line:
    """The calls of one session."""

    def __init__(self) -> None:
        self.users = 0
        self.follower: Follower | None = None
        # Until then a worker follows elsewhere, as far as we know.
        self.followed_until = 0.0
        self.calls: dict[int, _Waiting] = {}
        self._places = itertools.count(1)

    def add(self, call: Call, answered: "asyncio.Future[Answer] | None", *, until: float = 0.0) -> _Waiting:
        waiting = self.calls[call.number] = _Waiting(call, next(self._places), answered, until)
        if self.follower is not None:
            self.follower.watch.wake()
        return waiting

    def take_over(self, call: Call, *, until: float) -> None:
        """Add a call of a caller elsewhere; it may come again."""
        if not self.remind(call.number, until=until):
            self.add(call, None, until=until)

    def remind(self, number: int, *, until: float) -> bool:
        waiting = self.calls.get(number)
        if waiting is not None:
            waiting.until = until
        return waiting is not None

    def drop(self, number: int) -> None:
        self.calls.pop(number, None)

    def waits(self, number: int) -> bool:
        """Return whether a call is not answered, as far as is known here."""
        waiting = self.calls.get(number)
        return waiting is not None and waiting.passed_on is None

    def pass_on(self, answer: Answer) -> None:
        """Keep what a caller elsewhere is answered until he says that he does not wait any more."""
        waiting = self.calls.get(answer.number)
        if waiting is not None and waiting.answered is None:
            waiting.passed_on = answer

    def own(self) -> list[_Waiting]:
        """Return the calls whose callers wait here."""
        return [waiting for waiting in self.calls.values() if waiting.answered is not None]

    def behind(self, place: int) -> list[_Waiting]:
        """Return the calls behind that place, and forget those of callers who do not wait any more."""
        now = _now()
        self.calls = {
            number: waiting
            for number, waiting in self.calls.items()
            if waiting.answered is not None or waiting.until > now
        }
        return [waiting for waiting in self.calls.values() if waiting.place > place and waiting.passed_on is None]

    def answer(self, answer: Answer) -> bool:
        """Hand over an answer, and return whether somebody waits for it here."""
        waiting = self.calls.get(answer.number)
        if waiting is None or waiting.answered is None or waiting.answered.done():
            return False
        waiting.answered.set_result(answer)
        return True

    def step_down(self) -> None:
        """Let nobody follow here."""
        follower, self.follower = self.follower, None
        if follower is not None:
            follower.watch.wake()

    def refuse(self, cause: str) -> None:
        """Refuse every call."""
        for waiting in self.own():
            if waiting.answered is not None and not waiting.answered.done():
                waiting.answered.set_exception(BrowserGone(cause))


def _now() -> float:
    return asyncio.get_running_loop().time()
