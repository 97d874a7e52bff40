"""What a client is made with. Secrets are in no repr."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import grpc

from .retry import Retry
from .tokens import Tokens

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
# A call that answers at once.
DEFAULT_TIMEOUT: Final = 30.0
CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    # A server that restarts is found again soon.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)

Headers = Mapping[str, str]
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Settings:
    """One server and how it is called. See `Client` for the fields."""

    address: str
    api_key: str | None = field(default=None, repr=False)
    tokens: Tokens | None = None
    tls: bool | grpc.ChannelCredentials = False
    headers: Metadata = field(default=(), repr=False)
    timeout: float = DEFAULT_TIMEOUT
    retry: Retry = field(default_factory=Retry)

    @classmethod
    def of(
        cls,
        address: str | None,
        *,
        api_key: str | None,
        tokens: Tokens | None,
        tls: bool | grpc.ChannelCredentials,
        headers: Headers | None,
        timeout: float,
        retry: Retry | None,
    ) -> Settings:
        """Return the settings of a client; what is None comes from the environment or is the default."""
        if timeout <= 0:
            raise ValueError("timeout must be above 0 s")
        return cls(
            address=address or os.environ.get("SWITCHYARD_SERVER") or DEFAULT_ADDRESS,
            api_key=api_key or os.environ.get("SWITCHYARD_API_KEY") or None,
            tokens=tokens,
            tls=tls,
            headers=lower(headers),
            timeout=timeout,
            retry=retry or Retry(),
        )

    def channel_credentials(self) -> grpc.ChannelCredentials | None:
        """Return what secures the connection; None is a plain one."""
        if isinstance(self.tls, bool):
            return grpc.ssl_channel_credentials() if self.tls else None
        return self.tls

    def metadata(self, tokens: Tokens | None) -> Metadata:
        """Return what each call carries; the access token of a login stands in for the API key."""
        if tokens is not None:
            return (("authorization", f"Bearer {tokens.access_token}"), *self.headers)
        if self.api_key is not None:
            return (("x-api-key", self.api_key), *self.headers)
        return self.headers


def lower(headers: Headers | None) -> Metadata:
    """Return headers as metadata, whose keys gRPC wants in lower case."""
    return tuple((key.lower(), value) for key, value in (headers or {}).items())
