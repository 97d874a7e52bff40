"""Names that lead to addresses checked before, and nowhere else."""

import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult


class PinnedResolver(AbstractResolver):
    """Knows the hosts it was told of and asks nobody, so that no second look-up can differ."""

    def __init__(self) -> None:
        self._addresses: dict[str, Sequence[str]] = {}

    def pin(self, host: str, addresses: Sequence[str]) -> None:
        """Let `host` lead to `addresses`, and no longer to those it led to before."""
        self._addresses[_plain(host)] = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002, the addresses say it themselves
    ) -> list[ResolveResult]:
        """Return the addresses of `host`.

        Raises:
            OSError: it was not pinned.
        """
        if _plain(host) not in self._addresses:
            raise OSError(None, "the host was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses[_plain(host)]
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _plain(host: str) -> str:
    return host.lower().rstrip(".")
