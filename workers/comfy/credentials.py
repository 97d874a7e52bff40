"""What a ComfyUI is told so that it lets us in. Without a client of HTTP, as every worker process has it."""

from base64 import b64encode
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """For basic authentication (RFC 7617). Both empty: none is sent."""

    username: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def header(self) -> str | None:
        """The value of the header `Authorization`."""
        if not self.username and not self.password:
            return None
        return f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode()}"
