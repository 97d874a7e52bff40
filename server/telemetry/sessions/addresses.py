"""Addresses as clients send them, without the credentials that may stand in them. Pure."""

import re
from typing import Final
from urllib.parse import urlsplit

# RFC 3986, section 3.1.
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
# HOST:PORT:USER:PASSWORD, as sellers of proxies print them.
_TRAILING: Final = re.compile(r"((?:[^:@/]*\.[^:@/]*|\[[^]]*\]):[0-9]{1,5}):.*", re.DOTALL)
_PLAIN: Final = re.compile(r"(?:[^:@/]+|\[[^]]*\]):[0-9]{1,5}/?")


def bare_proxy(text: str) -> str | None:
    """Return the address of a proxy in small letters, without user and password; None for an empty one."""
    scheme, rest = _split(text.strip())
    # A password may hold any character, an address no "@".
    address = rest.rpartition("@")[2]
    trailing = _TRAILING.fullmatch(address) or (None if _PLAIN.fullmatch(address) else _TRAILING.fullmatch(rest))
    return (scheme + (trailing[1] if trailing else address)).lower() or None


def bare_target(text: str) -> str | None:
    """Return where a session goes without user and password; None for an empty address."""
    scheme, rest = _split(text.strip())
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    cut = authority.rfind("@") + 1
    if not cut and _host(scheme, rest) is None:
        # Whatever it is, it is no address, and what stands before an "@" may be secret.
        cut = rest.rfind("@") + 1
    return (scheme + rest[cut:]) or None


def site_of(address: str | None) -> str:
    """Return the host of an address in small letters, without port; empty when there is none or it cannot be read."""
    host = None if address is None else _host(*_split(address))
    return (host or "").lower()  # what follows a "%" comes as it was written


def _split(address: str) -> tuple[str, str]:
    """The scheme with what ends it, empty without one, and the rest."""
    scheme, mark, rest = address.partition("://")
    # What is no scheme is the beginning of a password.
    return (scheme + mark, rest) if mark and _SCHEME.fullmatch(scheme) else ("", address)


def _host(scheme: str, rest: str) -> str | None:
    """The host; None when the address cannot be read."""
    try:
        parts = urlsplit(f"{scheme or '//'}{rest}")
        _ = parts.port  # A port that is no number is told only when asked for.
    except ValueError:
        return None
    return parts.hostname or ""
