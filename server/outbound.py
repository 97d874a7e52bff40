"""Which addresses may be called from here: webhooks, HTTP requests of bots, the pages bots open.

The verdict over one address is pure. `OutboundRule.resolve` is the thin part that asks the resolver: a name is resolved
once, every address it has must pass, and the caller connects to one of the addresses it was given, never to the name.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from server.errors import AddressRefused, InvalidArgument, Unavailable, Violation

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
RESOLVE_SECONDS: Final = 5.0

# RFC 6052 section 2.1: the last 32 bits are the IPv4 address a translator connects to.
NAT64: Final = IPv6Network("64:ff9b::/96")


class Reach(Enum):
    """Where an address leads, seen from this machine."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    INSIDE = "inside"


def reach(address: Address) -> Reach:
    """Tell where `address` leads; an IPv6 address that stands for an IPv4 one leads where that one does.

    INSIDE is everything that is neither public nor loopback: private and shared ranges, link-local (the metadata
    services of clouds), multicast, unspecified, reserved and documentation ranges.
    """
    address = _unwrapped(address)
    if address.is_loopback:
        return Reach.LOOPBACK
    if isinstance(address, IPv6Address) and address.is_site_local:
        return Reach.INSIDE
    if address.is_global and not address.is_multicast and not address.is_reserved:
        return Reach.PUBLIC
    return Reach.INSIDE


def literal_address(host: str) -> Address | None:
    """Return the address a URL's host spells out, None for a name.

    Decimal, octal, hexadecimal and short IPv4 forms (`2130706433`, `0x7f.1`) are read as `inet_aton` does, because the
    programs that connect do so too.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    if not host or host[-1:].isspace() or not host.isascii():
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """Host and port of a URL that is well formed."""

    scheme: str
    host: str
    port: int


def target(url: str) -> Target:
    """Return where `url` points to.

    Raises:
        InvalidArgument: it is no absolute http, https, ws or wss URL with a host and a port from 1 to 65535.
    """
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise InvalidArgument.field("url", "must not contain blanks, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgument.field("url", "must be an absolute URL with a port from 1 to 65535") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise InvalidArgument.field("url", "must start with http://, https://, ws:// or wss://")
    if port == 0:
        raise InvalidArgument.field("url", "must have a port from 1 to 65535")
    return Target(parts.scheme, _host(parts), DEFAULT_PORTS[parts.scheme] if port is None else port)


class OutboundRule:
    """Public addresses, loopback while `loopback_open`, and whatever `allow` lists.

    `allow` holds host names (exact, any case), addresses, networks in CIDR form, or `*` for everything. A listed host
    may have any address.

    Raises:
        ValueError: an entry of `allow` is neither of these; the message quotes it.
    """

    def __init__(self, allow: Sequence[str] = (), *, loopback_open: bool) -> None:
        self._loopback_open = loopback_open
        self._everything = "*" in allow
        self._hosts: set[str] = set()
        self._networks: list[Network] = []
        for entry in allow:
            if entry != "*":
                self._add(entry)

    async def resolve(self, url: str) -> list[str]:
        """Return the addresses `url` may be connected at, at least one, in the order of the resolver.

        Raises:
            InvalidArgument: the URL is malformed or its host has no address.
            AddressRefused: one of its addresses may not be called.
            Unavailable: the resolver did not answer within 5 s.
        """
        goal = target(url)
        literal = literal_address(goal.host)
        addresses = [literal] if literal is not None else await _look_up(goal)
        if not (self._everything or goal.host.lower().rstrip(".") in self._hosts):
            for address in addresses:
                self._check(goal.host, address)
        return list(dict.fromkeys(str(address) for address in addresses))

    def allows(self, address: Address) -> bool:
        """Whether `address` itself may be called, whatever the name that led to it."""
        if self._everything:
            return True
        where = reach(address)
        if where is Reach.PUBLIC or (where is Reach.LOOPBACK and self._loopback_open):
            return True
        plain = _unwrapped(address)
        return any(plain in network for network in self._networks if network.version == plain.version)

    def _check(self, host: str, address: Address) -> None:
        if not self.allows(address):
            words = f"must not lead to {address}, an address that may not be called"
            raise AddressRefused(f"url {words}", violations=[Violation("url", words)], host=host)

    def _add(self, entry: str) -> None:
        try:
            self._networks.append(ip_network(entry, strict=False))
        except ValueError as error:
            if not entry or "/" in entry or ":" in entry or "*" in entry or entry.strip() != entry:
                raise ValueError(f"{entry!r} is neither a host, an address, a network nor '*'") from error
            self._hosts.add(entry.lower().rstrip("."))


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4 or NAT64; otherwise `address` itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host or "%" in host:
        raise InvalidArgument.field("url", "must name a host")
    return host


async def _look_up(goal: Target) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(goal.host, goal.port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise Unavailable(f"the name {goal.host!r} was not resolved in time", host=goal.host) from error
    except (socket.gaierror, UnicodeError) as error:
        raise InvalidArgument.field("url", "must name a host that has an address") from error
    # sockaddr[0] of a scoped address ends in "%scope"; the scope plays no part in the verdict.
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
