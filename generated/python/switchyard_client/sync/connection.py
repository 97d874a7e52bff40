"""One channel, the credential that goes with each call over it, and the attempts of a call, for any threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from time import monotonic, sleep, time
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from switchyard.auth.v1 import auth_service_pb2

from ..attempts import RENEW, Attempts
from ..errors import ClientClosed, CredentialExpired, CredentialInvalid, InvalidArgument, LoginEnded
from ..method import Method
from ..resources.methods import auth
from ..settings import CHANNEL_OPTIONS, Headers, Metadata, Settings, lower
from ..tokens import Tokens
from .stream import Stream

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
Unary = Callable[[Q, float | None, Headers | None], R]


class Connection:
    """The way to one server. The channel opens at the first call.

    Attributes:
        settings: what it was made with.
        tokens: those of the present login.
        metadata: what each call carries now.
        renew_time: when calls must look after the tokens first, or find out why they cannot be made; epoch seconds.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closed = False
        self._channel: grpc.Channel | None = None
        self._unaries: dict[str, Any] = {}
        self._opening = threading.Lock()
        self._renewing = threading.Lock()
        self._ended: str | None = None
        self.use(settings.tokens)

    def use(self, tokens: Tokens | None) -> None:
        """Let calls carry `tokens` from now on; None is what the client was made with."""
        self.tokens = tokens
        self.metadata = self.settings.metadata(tokens)
        self.renew_time = tokens.refresh_time if tokens is not None else float("inf")
        self._ended = None

    def close(self) -> None:
        """Close the channel. Calls that wait in other threads, and later ones, raise ClientClosed."""
        self.closed = True
        self.renew_time = float("-inf")
        with self._opening:
            if self._channel is not None:
                self._channel.close()

    @property
    def channel(self) -> grpc.Channel:
        """The channel, opened if it was not.

        Raises:
            ClientClosed: it was closed.
        """
        with self._opening:
            if self.closed:
                raise ClientClosed
            if self._channel is None:
                credentials = self.settings.channel_credentials()
                address = self.settings.address
                self._channel = (
                    grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
                    if credentials is None
                    else grpc.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
                )
            return self._channel

    def unary(self, method: Method[Q, R]) -> Unary[Q, R]:
        """Return the function that makes a call of `method`: request, timeout in seconds, headers."""
        known = self._unaries.get(method.path)
        if known is None:
            known = self._unaries[method.path] = self._make_unary(method)
        call: Unary[Q, R] = known
        return call

    def _make_unary(self, method: Method[Q, R]) -> Unary[Q, R]:
        call_once: Any = None
        usual = self.settings.timeout

        def call(request: Q, timeout: float | None = None, headers: Headers | None = None) -> R:
            nonlocal call_once
            limit = usual if timeout is None else timeout
            deadline = monotonic() + limit
            if self.renew_time <= time():
                self.make_ready()
            tokens = self.tokens
            if call_once is None:
                call_once = self._multicallable("unary_unary", method)
            try:
                answer: R = call_once(
                    request,
                    timeout=None if limit == float("inf") else limit,
                    metadata=self.metadata if headers is None else self.carried(headers),
                )
            except grpc.RpcError as error:
                attempts = Attempts(
                    self.settings.retry,
                    repeatable=method.repeatable,
                    renewable=tokens is not None,
                    deadline=deadline,
                )
                return self._again(error, attempts, tokens, call_once, request, headers)  # type: ignore[no-any-return]
            except ValueError:
                self.raise_if_closed()
                raise
            return answer

        return call

    def _again(
        self, error: Any, attempts: Attempts, tokens: Tokens | None, call_once: Any, request: Any, headers: Any
    ) -> Any:
        """Make the call until an attempt does not fail, or there is no next one."""
        while True:
            self.raise_if_closed()
            self.pause(attempts.after(error), tokens)
            tokens = self.tokens
            try:
                return call_once(request, timeout=attempts.left(), metadata=self.carried(headers))
            except grpc.RpcError as failed:
                error = failed
            except ValueError:
                self.raise_if_closed()
                raise

    def stream(self, method: Method[Q, R], request: Q, timeout: float | None, headers: Headers | None) -> Stream[R]:
        """Return the stream of answers to `request`; it is opened when its first message is asked for."""

        def open_call(left: float | None) -> Any:
            return self._multicallable("unary_stream", method)(request, timeout=left, metadata=self.carried(headers))

        return Stream(self, method, request, open_call, timeout)

    def exchange(
        self, method: Method[Q, R], requests: Iterable[Q], timeout: float | None, headers: Headers | None
    ) -> Stream[R]:
        """Return the stream of answers to a stream of requests, which is not opened twice."""

        def open_call(left: float | None) -> Any:
            call = self._multicallable("stream_stream", method)
            return call(iter(requests), timeout=left, metadata=self.carried(headers))

        return Stream(self, method, None, open_call, timeout)

    def send(self, method: Method[Q, R], requests: Iterable[Q], timeout: float | None, headers: Headers | None) -> R:
        """Send a stream of requests and return the answer. It is not made twice, as what was sent is gone."""
        if self.renew_time <= time():
            self.make_ready()
        multicallable = self._multicallable("stream_unary", method)
        attempts = Attempts(self.settings.retry, repeatable=False, renewable=False, deadline=float("inf"))
        try:
            answer: R = multicallable(iter(requests), timeout=timeout, metadata=self.carried(headers))
        except grpc.RpcError as error:
            self.raise_if_closed()
            attempts.after(error)
            raise
        return answer

    def anonymous(self, method: Method[Q, R], request: Q, *, repeatable: bool = False) -> R:
        """Make a call without the credential."""
        multicallable = self._multicallable("unary_unary", method)
        deadline = monotonic() + self.settings.timeout
        attempts = Attempts(self.settings.retry, repeatable=repeatable, renewable=False, deadline=deadline)
        while True:
            try:
                answer: R = multicallable(request, timeout=attempts.left(), metadata=self.settings.headers)
            except grpc.RpcError as error:
                self.raise_if_closed()
                sleep(attempts.after(error))
            else:
                return answer

    def carried(self, headers: Headers | None) -> Metadata:
        """Return the metadata of one call."""
        return (*self.metadata, *lower(headers)) if headers else self.metadata

    def raise_if_closed(self) -> None:
        """Raise ClientClosed if it was closed."""
        if self.closed:
            raise ClientClosed from None

    def make_ready(self) -> None:
        """Replace the access token before it expires.

        Raises:
            ClientClosed: it was closed.
            LoginEnded: the session is over.
        """
        if self.closed:
            raise ClientClosed
        if self._ended is not None:
            raise LoginEnded(self._ended, code=grpc.StatusCode.UNAUTHENTICATED)
        self.renew(self.tokens)

    def pause(self, seconds: float, tokens: Tokens | None) -> None:
        """Wait as an attempt was told to; `tokens` are those that it was made with."""
        if seconds == RENEW:
            self.renew(tokens)
        else:
            sleep(seconds)

    def renew(self, used: Tokens | None) -> None:
        """Replace the tokens `used`. One refresh is under way at a time, however many calls wait for it."""
        with self._renewing:
            if used is None or self.tokens is not used:
                return  # somebody else has done it
            if self._ended is not None:
                raise LoginEnded(self._ended, code=grpc.StatusCode.UNAUTHENTICATED)
            self._refresh(used)

    def _refresh(self, used: Tokens) -> None:
        request = auth_service_pb2.RefreshRequest(refresh_token=used.refresh_token)
        try:
            # If the answer was lost the token is used up, and nothing is lost by showing it again.
            answer = self.anonymous(auth.REFRESH, request, repeatable=True)
        except (CredentialInvalid, CredentialExpired, InvalidArgument) as refusal:
            self._ended = f"the login is over: {refusal.message}"
            self.renew_time = float("-inf")
            raise LoginEnded(self._ended, code=refusal.code, reason=refusal.reason) from refusal
        if self.tokens is used:
            self.use(Tokens.of_answer(answer, now=time()))

    def _multicallable(self, kind: str, method: Method[Any, Any]) -> Any:
        request: Any = method.request
        return getattr(self.channel, kind)(
            method.path,
            request_serializer=request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
