"""A stream of answers that comes back where it broke."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from ..attempts import Reconnection
from ..errors import DeadlineExceeded, SwitchyardError
from ..method import Method

if TYPE_CHECKING:
    from .connection import Connection

R = TypeVar("R", bound=Message)


class Stream(Generic[R]):
    """The messages of a server, as `for` takes them.

    Leaving the loop leaves the stream open until it is collected; `with` ends it at once, and so does `close` from
    another thread.
    """

    def __init__(
        self,
        connection: Connection,
        method: Method[Any, R],
        request: Any,
        open_call: Callable[[float | None], Any],
        timeout: float | None,
    ) -> None:
        self._connection = connection
        self._method = method
        self._request = request
        self._open_call = open_call
        self._deadline = None if timeout is None else monotonic() + timeout
        self._reconnection = Reconnection(
            connection.settings.retry,
            repeatable=method.repeatable,
            resumable=method.resumes is not None,
        )
        self._call: Any = None
        self._tokens = connection.tokens
        self._over = False

    def __iter__(self) -> Stream[R]:
        return self

    def __next__(self) -> R:
        while not self._over:
            try:
                if self._call is None:
                    self._call = self._open()
                return self._received(next(self._call))
            except StopIteration:
                self._over = True
            except grpc.RpcError as error:
                if not self._over:  # closed by another thread
                    self._come_back(error)
        raise StopIteration

    def close(self) -> None:
        """End the stream."""
        self._over = True
        if self._call is not None:
            self._call.cancel()

    def __enter__(self) -> Stream[R]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Any:
        if self._connection.renew_time <= time():
            self._connection.make_ready()
        self._tokens = self._connection.tokens
        return self._open_call(self._left())

    def _left(self) -> float | None:
        if self._deadline is None:
            return None
        left = self._deadline - monotonic()
        if left <= 0:
            raise DeadlineExceeded("Deadline Exceeded", code=grpc.StatusCode.DEADLINE_EXCEEDED)
        return left

    def _come_back(self, error: Any) -> None:
        """Wait until the stream may be opened again, or raise what it ended with."""
        self._call = None
        self._connection.raise_if_closed()
        try:
            pause = self._reconnection.after(error, renewable=self._tokens is not None)
        except SwitchyardError:
            self._over = True  # asked again it must not begin anew
            raise
        self._connection.pause(pause, self._tokens)

    def _received(self, message: R) -> R:
        self._reconnection.received()
        if self._method.resumes is not None:
            self._method.resumes(self._request, message)
        return message
