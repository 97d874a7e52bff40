"""Calls whose caller is at one server while the worker that holds the session is at another.

The caller's server says to all what is asked; the one at which the worker follows takes it, says so, and passes the
answer back the same way. A caller says every now and then that he still waits, so a message that is lost, or a server
that dies, costs a moment: the worker comes back to another server, which says that it follows there, and gets what was
not answered once more.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from server.fan_out import FanOut, Parts
from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb

_TOPIC: Final = "comfy.calls"
_ASK: Final = b"ask"
_REMIND: Final = b"remind"
_WITHDRAW: Final = b"withdraw"
_HELD: Final = b"held"
_FOLLOWED: Final = b"followed"
_ANSWER: Final = b"answer"
_ENDED: Final = b"ended"


class Here(Protocol):
    """The calls of this server."""

    def take_over(self, session_id: str, call: pb.FollowCallsResponse) -> bool:
        """Take a call of a caller elsewhere if the session is followed here, and return whether it is."""

    def remind(self, session_id: str, number: int) -> bool:
        """Know that a caller elsewhere still waits, and return whether his call is here."""

    def drop(self, session_id: str, number: int) -> None:
        """Forget a call of a caller elsewhere."""

    def held(self, session_id: str, number: int) -> None:
        """Know that a server has taken a call of ours."""

    def followed(self, session_id: str) -> None:
        """Know that the session is followed elsewhere from now on."""

    def answered(self, session_id: str, answer: pb.AnswerCallRequest) -> None:
        """Hand an answer to the caller, if he waits here."""

    def refuse(self, session_id: str, cause: str) -> None:
        """Refuse the calls of a session to those who wait here."""


class Elsewhere:
    """What `here` tells other servers, and hears from them."""

    def __init__(self, fan_out: FanOut, here: Here) -> None:
        self._fan_out = fan_out
        self._here = here
        self._hear: Mapping[bytes, Callable[[str, bytes], None]] = {
            _ASK: self._asked,
            _REMIND: self._reminded,
            _WITHDRAW: lambda session_id, number: here.drop(session_id, int(number)),
            _HELD: lambda session_id, number: here.held(session_id, int(number)),
            _FOLLOWED: lambda session_id, _: here.followed(session_id),
            _ANSWER: lambda session_id, answer: here.answered(session_id, pb.AnswerCallRequest.FromString(answer)),
            _ENDED: lambda session_id, cause: here.refuse(session_id, cause.decode()),
        }
        # Who waits says so again by himself.
        fan_out.hear(_TOPIC, self._heard, missed=lambda: None)

    @property
    def nobody(self) -> bool:
        """Whether there is no other server."""
        return self._fan_out.alone

    def ask(self, session_id: str, call: pb.FollowCallsResponse) -> None:
        """Have the server at which the session is followed take a call of ours."""
        if not self.nobody:
            self._tell(_ASK, session_id, call.SerializeToString())

    def remind(self, session_id: str, number: int) -> None:
        """Say that the caller still waits."""
        self._tell(_REMIND, session_id, b"%d" % number)

    def withdraw(self, session_id: str, number: int) -> None:
        """Say that he does not wait any more."""
        self._tell(_WITHDRAW, session_id, b"%d" % number)

    def say_followed(self, session_id: str) -> None:
        """Say that a worker follows the session here."""
        self._tell(_FOLLOWED, session_id)

    def answer(self, session_id: str, answer: pb.AnswerCallRequest) -> None:
        """Pass an answer back."""
        self._tell(_ANSWER, session_id, answer.SerializeToString())

    def say_ended(self, session_id: str, cause: str) -> None:
        """Say that a session is over."""
        self._tell(_ENDED, session_id, cause.encode())

    def _asked(self, session_id: str, call: bytes) -> None:
        asked = pb.FollowCallsResponse.FromString(call)
        if self._here.take_over(session_id, asked):
            self._tell(_HELD, session_id, b"%d" % asked.number)

    def _reminded(self, session_id: str, number: bytes) -> None:
        if self._here.remind(session_id, int(number)):
            self._tell(_HELD, session_id, number)

    def _tell(self, kind: bytes, session_id: str, content: bytes = b"") -> None:
        self._fan_out.tell(_TOPIC, kind, session_id.encode(), content)

    def _heard(self, parts: Parts) -> None:
        kind, session_id, content = parts
        self._hear[kind](session_id.decode(), content)
