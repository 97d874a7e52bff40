"""What a session is to be, as the worker tells its run process."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from yarl import URL

from workers.comfy.credentials import Credentials


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session is to be."""

    credentials: Credentials
    address: str  # URL of ComfyUI
    addresses: Sequence[str]  # IP addresses of its host, all allowed
    port: int | None  # of the browser on loopback; None: 9999 if it is free, else any
    headless: bool
    mode: Literal["browser", "api"]
    submit_again: bool  # prompts that ComfyUI forgot; False: they are lost

    @property
    def url(self) -> URL:
        """Address of ComfyUI."""
        return URL(self.address)

    def to_message(self) -> Mapping[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Read what `to_message` gave."""
        return cls(**{**message, "credentials": Credentials(**message["credentials"])})
