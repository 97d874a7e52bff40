"""Who sends a request: the client's address, and whether it is a program or page on this very machine.

A local request may be let in without a credential, so every rule here errs on the side of "not local": a page of
another site that a browser on this machine has open must not pass (Origin, DNS rebinding by Host), nor must anything
that came through a proxy.
"""

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Headers that proxies add. One of them is enough to call a request forwarded. Names, because a look at the beginning of
# every header of every request would cost more than the rest of the rule.
FORWARDING: Final = frozenset(
    {
        b"cdn-loop",
        b"cf-connecting-ip",
        b"client-ip",
        b"fastly-client-ip",
        b"fly-client-ip",
        b"forwarded",
        b"true-client-ip",
        b"via",
        b"x-amzn-trace-id",
        b"x-appengine-user-ip",
        b"x-azure-clientip",
        b"x-client-ip",
        b"x-cloud-trace-context",
        b"x-cluster-client-ip",
        b"x-envoy-external-address",
        b"x-envoy-original-path",
        b"x-forwarded",
        b"x-forwarded-by",
        b"x-forwarded-client-cert",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-path",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
        b"x-forwarded-protocol",
        b"x-forwarded-scheme",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        b"x-forwarded-uri",
        b"x-forwarded-user",
        b"x-original-forwarded-for",
        b"x-original-host",
        b"x-original-uri",
        b"x-original-url",
        b"x-proxyuser-ip",
        b"x-real-ip",
        b"x-rewrite-url",
    }
)


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation, or single addresses.

    Raises:
        ValueError: a text is neither; the message names it.
    """
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


class Clients:
    """Tells clients apart behind `trusted_proxies`; origins are compared as browsers send them."""

    def __init__(
        self, *, trusted_proxies: Sequence[str], listener_is_loopback: bool, allowed_origins: Collection[str]
    ) -> None:
        self._trusted = parse_networks(trusted_proxies)
        self._listener_is_loopback = listener_is_loopback
        # "*" lets pages of every site read public answers. It does not make them local.
        self._origins = frozenset(origin.rstrip("/").encode() for origin in allowed_origins if origin != "*")

    def address(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """IP address of the client: the last one in X-Forwarded-For that is no trusted proxy, as far as those vouch.

        `peer` is the address of the connection, empty for a Unix socket.
        """
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is None or not self._trusted or not self._is_trusted(peer):
            return peer
        client = peer
        for hop in reversed(forwarded.decode("latin-1").split(",")):
            address = _address(hop.strip())
            if address is None:
                return client
            client = str(address)
            if not self._is_trusted(client):
                return client
        return client

    def is_local(self, peer: str, scheme: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the request comes from this machine, on purpose."""
        if not self._listener_is_loopback or not _is_loopback(peer) or not FORWARDING.isdisjoint(headers):
            return False
        host = headers.get(b"host", b"")
        if not _names_loopback(host):
            return False
        origin = headers.get(b"origin")
        if origin is None:
            return not _is_embedded_elsewhere(headers)
        return origin == b"%b://%b" % (scheme.encode(), host) or origin in self._origins

    def _is_trusted(self, peer: str) -> bool:
        address = _address(peer)
        return address is not None and any(address in network for network in self._trusted)


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """The address in `text`, which may carry a port; None when it is none. IPv4 in IPv6 counts as IPv4."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


@lru_cache(maxsize=1024)
def _is_loopback(peer: str) -> bool:
    address = _address(peer)
    return address is not None and address.is_loopback


@lru_cache(maxsize=1024)
def _names_loopback(host: bytes) -> bool:
    """Whether the Host header names this machine, with any port."""
    text = host.decode("latin-1").lower()
    name = text[: text.find("]") + 1] if text.startswith("[") else text.partition(":")[0]
    return name == "localhost" or _is_loopback(name)


def _is_embedded_elsewhere(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page of another site embeds this: as an image, a script, a fetch without CORS, which have no Origin.

    A link is in order: who follows it sees the answer, and the page with the link does not.
    Source: https://www.w3.org/TR/fetch-metadata/
    """
    return headers.get(b"sec-fetch-site") == b"cross-site" and headers.get(b"sec-fetch-mode") != b"navigate"
