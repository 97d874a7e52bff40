"""An rpc that is called by its own path, made ready."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.calls import CallFacts, Upstream
from gateway.contract.services import Method
from gateway.errors.problem import Problem
from gateway.framing.http_body import is_http_body, is_http_body_field
from gateway.http.exchange import Exchange
from gateway.http.rate_limit import Window, read_window
from gateway.protocols.message_codec import MessageCodec, message_codecs


class Wire(Protocol):
    """One protocol in one encoding."""

    def asked_seconds(self, headers: Mapping[bytes, bytes]) -> float | None:
        """Seconds the caller gives the call; None when it names none. Raises BadRequest."""
        ...

    async def serve(self, upstream: Upstream, exchange: Exchange, procedure: "Procedure", facts: CallFacts) -> None:
        """Make the call and write its answer. What goes wrong after the answer has begun is told in it.

        Raises:
            GatewayError: the request is refused, and nothing is written yet.
            CallFailed: the call failed, and nothing is written yet.
            ClientGone: nobody waits for the answer any more.
        """
        ...

    async def refuse(self, exchange: Exchange, problem: Problem) -> None:
        """Answer with `problem`, and nothing else."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Procedure:
    """One rpc for all protocols. Compared by identity."""

    method: Method
    codecs: Mapping[str, MessageCodec]
    """By the names "proto" and "json"."""
    window: Window | None
    """The window of the rpc's HTTP routes: all ways to the rpc are counted together."""
    max_message_bytes: int
    max_stream_bytes: int | None
    """Most bytes of a stream of requests that are the pieces of one body. None: any number of messages."""
    posts: Mapping[bytes, Wire]
    """What a POST may speak, by content type in lower case without parameters."""
    get: Wire | None
    """What a GET speaks; None for an rpc with side effects."""


def compile_procedure(method: Method, posts: Mapping[bytes, Wire], get: Wire | None) -> Procedure:
    """Make `method` ready."""
    options = method.options
    return Procedure(
        method=method,
        codecs=message_codecs(method),
        window=read_window(method.full_name, options.rate_limit) if options.HasField("rate_limit") else None,
        max_message_bytes=method.max_body_bytes,
        max_stream_bytes=method.max_body_bytes if _takes_pieces(method) else None,
        posts=posts,
        get=get,
    )


def _takes_pieces(method: Method) -> bool:
    """Whether a stream of requests is one body for HTTP routes, limited as a whole. No other way may carry more."""
    return any(
        is_http_body_field(method.input.fields_by_name.get(binding.body))
        or (binding.body == "*" and is_http_body(method.input))
        for binding in method.bindings
    )
