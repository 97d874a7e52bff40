"""One channel of asyncio, the credential that goes with each call over it, and the attempts of a call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from time import monotonic, time
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
Unary = Callable[[Q, float | None, Headers | None], Awaitable[R]]


class Connection:
    """The way to one server. Made without a running loop; the channel opens at the first call.

    Attributes:
        settings: what it was made with.
        tokens: those of the present login.
        metadata: what each call carries now.
        renew_time: when calls must look after the tokens first, or find out why they cannot be made; epoch seconds.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.closed = False
        self._channel: grpc.aio.Channel | None = None
        self._unaries: dict[str, Any] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._ended: str | None = None
        self.use(settings.tokens)

    def use(self, tokens: Tokens | None) -> None:
        """Let calls carry `tokens` from now on; None is what the client was made with."""
        self.tokens = tokens
        self.metadata = self.settings.metadata(tokens)
        self.renew_time = tokens.refresh_time if tokens is not None else float("inf")
        self._ended = None

    async def close(self) -> None:
        """Close the channel. Calls that wait, and later ones, raise ClientClosed."""
        self.closed = True
        self.renew_time = float("-inf")
        if self._renewal is not None:
            self._renewal.cancel()
        if self._channel is not None:
            await self._channel.close(None)

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel, opened if it was not.

        Raises:
            ClientClosed: it was closed.
        """
        if self.closed:
            raise ClientClosed
        if self._channel is None:
            credentials = self.settings.channel_credentials()
            address = self.settings.address
            self._channel = (
                grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
                if credentials is None
                else grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS)
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

        async def call(request: Q, timeout: float | None = None, headers: Headers | None = None) -> R:
            nonlocal call_once
            limit = usual if timeout is None else timeout
            deadline = monotonic() + limit
            if self.renew_time <= time():
                await self.make_ready()
            tokens = self.tokens
            if call_once is None:
                call_once = self._multicallable("unary_unary", method)
            try:
                answer: R = await call_once(
                    request,
                    timeout=None if limit == float("inf") else limit,
                    metadata=self.metadata if headers is None else self.carried(headers),
                )
            except grpc.aio.AioRpcError as error:
                attempts = Attempts(
                    self.settings.retry,
                    repeatable=method.repeatable,
                    renewable=tokens is not None,
                    deadline=deadline,
                )
                return await self._again(error, attempts, tokens, call_once, request, headers)  # type: ignore[no-any-return]
            except asyncio.CancelledError:
                self.raise_if_closed()
                raise
            return answer

        return call

    async def _again(
        self, error: Any, attempts: Attempts, tokens: Tokens | None, call_once: Any, request: Any, headers: Any
    ) -> Any:
        """Make the call until an attempt does not fail, or there is no next one."""
        while True:
            self.raise_if_closed()
            await self.pause(attempts.after(error), tokens)
            tokens = self.tokens
            try:
                return await call_once(request, timeout=attempts.left(), metadata=self.carried(headers))
            except grpc.aio.AioRpcError as failed:
                error = failed
            except asyncio.CancelledError:
                self.raise_if_closed()
                raise

    def stream(self, method: Method[Q, R], request: Q, timeout: float | None, headers: Headers | None) -> Stream[R]:
        """Return the stream of answers to `request`; it is opened when its first message is asked for."""

        def open_call(left: float | None) -> Any:
            return self._multicallable("unary_stream", method)(request, timeout=left, metadata=self.carried(headers))

        return Stream(self, method, request, open_call, timeout)

    def exchange(
        self, method: Method[Q, R], requests: Any, timeout: float | None, headers: Headers | None
    ) -> Stream[R]:
        """Return the stream of answers to a stream of requests, which is not opened twice."""

        def open_call(left: float | None) -> Any:
            call = self._multicallable("stream_stream", method)
            return call(requests, timeout=left, metadata=self.carried(headers))

        return Stream(self, method, None, open_call, timeout)

    async def send(
        self,
        method: Method[Q, R],
        requests: Iterable[Q] | AsyncIterable[Q],
        timeout: float | None,
        headers: Headers | None,
    ) -> R:
        """Send a stream of requests and return the answer. It is not made twice, as what was sent is gone."""
        if self.renew_time <= time():
            await self.make_ready()
        multicallable = self._multicallable("stream_unary", method)
        attempts = Attempts(self.settings.retry, repeatable=False, renewable=False, deadline=float("inf"))
        try:
            answer: R = await multicallable(requests, timeout=timeout, metadata=self.carried(headers))
        except grpc.aio.AioRpcError as error:
            self.raise_if_closed()
            attempts.after(error)
            raise
        except asyncio.CancelledError:
            self.raise_if_closed()
            raise
        return answer

    async def anonymous(self, method: Method[Q, R], request: Q, *, repeatable: bool = False) -> R:
        """Make a call without the credential."""
        multicallable = self._multicallable("unary_unary", method)
        deadline = monotonic() + self.settings.timeout
        attempts = Attempts(self.settings.retry, repeatable=repeatable, renewable=False, deadline=deadline)
        while True:
            try:
                answer: R = await multicallable(request, timeout=attempts.left(), metadata=self.settings.headers)
            except grpc.aio.AioRpcError as error:
                self.raise_if_closed()
                await asyncio.sleep(attempts.after(error))
            else:
                return answer

    def carried(self, headers: Headers | None) -> Metadata:
        """Return the metadata of one call."""
        return (*self.metadata, *lower(headers)) if headers else self.metadata

    def raise_if_closed(self) -> None:
        """Raise ClientClosed if it was closed, unless the task itself is being cancelled."""
        if not self.closed:
            return
        task = asyncio.current_task()
        # Before Python 3.11 nobody tells the one from the other, and a cancellation must not be lost.
        cancelling = getattr(task, "cancelling", lambda: 1)
        if not cancelling():
            raise ClientClosed from None

    async def make_ready(self) -> None:
        """Replace the access token before it expires.

        Raises:
            ClientClosed: it was closed.
            LoginEnded: the session is over.
        """
        if self.closed:
            raise ClientClosed
        if self._ended is not None:
            raise LoginEnded(self._ended, code=grpc.StatusCode.UNAUTHENTICATED)
        await self.renew(self.tokens)

    async def pause(self, seconds: float, tokens: Tokens | None) -> None:
        """Wait as an attempt was told to; `tokens` are those that it was made with."""
        if seconds == RENEW:
            await self.renew(tokens)
        else:
            await asyncio.sleep(seconds)

    async def renew(self, used: Tokens | None) -> None:
        """Replace the tokens `used`. One refresh is under way at a time, however many calls wait for it."""
        if used is None or self.tokens is not used:
            return  # somebody else has done it
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._refresh(used))
            self._renewal.add_done_callback(self._forget_renewal)
        # A call that is given up must not take the refresh with it: the token is used up, the answer is all there is.
        await asyncio.shield(self._renewal)

    async def _refresh(self, used: Tokens) -> None:
        request = auth_service_pb2.RefreshRequest(refresh_token=used.refresh_token)
        try:
            # If the answer was lost the token is used up, and nothing is lost by showing it again.
            answer = await self.anonymous(auth.REFRESH, request, repeatable=True)
        except (CredentialInvalid, CredentialExpired, InvalidArgument) as refusal:
            self._ended = f"the login is over: {refusal.message}"
            self.renew_time = float("-inf")
            raise LoginEnded(self._ended, code=refusal.code, reason=refusal.reason) from refusal
        if self.tokens is used:
            self.use(Tokens.of_answer(answer, now=time()))

    def _forget_renewal(self, renewal: asyncio.Task[None]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # it was told to those who wait, if any still do

    def _multicallable(self, kind: str, method: Method[Any, Any]) -> Any:
        request: Any = method.request
        return getattr(self.channel, kind)(
            method.path,
            request_serializer=request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
