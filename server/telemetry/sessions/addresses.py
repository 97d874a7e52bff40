"""Addresses as clients send them, without the credentials that may stand in them. Pure."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

IPV6: Final = 6
# After so many rounds an address is no honest one, and is cut behind its last "@".
CUTS: Final = 8
# What browsers drop wherever it stands in an address, and around it. Source: URL Standard, section 4.4.
_DROPPED: Final = str.maketrans("", "", "\t\n\r")
_AROUND: Final = "".join(map(chr, range(0x21)))
# Where the host begins: with these schemes behind any number of slashes, of either kind, even none; with any other
# behind two. Source: URL Standard, section 4.4, "special authority ignore slashes state".
_BEGINNING: Final = re.compile(
    r"(?:https?|wss?|ftp|file):[/\\]*|[a-z][a-z0-9+.-]*:[/\\]{2,}|[/\\]*", re.ASCII | re.IGNORECASE
)
_AUTHORITY: Final = re.compile(r"[^/?#\\]*")
# The second and third stand for "@" once an address is normalized.
_AT: Final = "@\uff20\ufe6b"
# What an address within a text has before its host, as it is or percent-encoded.
_IN_TEXT: Final = re.compile(
    rf"((?:[/\\]|%2f|%5c){{2}})((?:(?!%2f|%5c|%3f|%23|%26)[^/\\?#&\s])*)(?:[{_AT}]|%40)", re.IGNORECASE
)
_COLON: Final = re.compile(":|%3a", re.IGNORECASE)
# Source: RFC 1035, section 2.3.4. No index takes texts of any length.
LONGEST_HOST: Final = 253
# RFC 3986, section 3.1.
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST: Final = r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])"
_ADDRESS: Final = re.compile(rf"{_HOST}:[0-9]{{1,5}}", re.ASCII)
_LABEL: Final = re.compile(_HOST, re.ASCII)


class ProxyUnclear(ValueError):
    """It cannot be told which part of the text is the address of a proxy, and which may be secret."""


def bare_proxy(text: str) -> str | None:
    """Return the address of a proxy in small letters, without user and password; None for an empty one.

    Only what is certain to be an address is returned: sellers print user and password in front, behind an "@", and in
    one row with colons.

    Raises:
        ProxyUnclear: the text holds no address, or it cannot be told where.
    """
    text = text.strip()
    if not text:
        return None
    scheme, rest = _split(text)
    rest = rest.removesuffix("/")
    return (scheme + _address(rest)).lower()


def _address(text: str) -> str:
    if _LABEL.fullmatch(text) or _is_ipv6(text):
        # A name of the client's own, or a host.
        return text
    front, mark, behind = text.rpartition("@")
    for part in (behind, front if mark else ""):
        if _ADDRESS.fullmatch(part):
            return part
    candidates = set()
    for part in {text, behind, text.partition("@")[0]}:
        candidates |= _at_the_ends(part)
    # A host with dots, or in brackets, is none that a user or a password would be taken for.
    certain = [one for one in candidates if "." in one or one.startswith("[")] or sorted(candidates)
    if len(certain) != 1:
        raise ProxyUnclear
    return certain[0]


def _at_the_ends(text: str) -> set[str]:
    """The addresses that stand at the beginning or the end of a row with colons."""
    found = set()
    beginning = _ADDRESS.match(text)
    if beginning is not None and text[beginning.end() : beginning.end() + 1] in (":", ""):
        found.add(beginning[0])
    end = re.search(rf"(?:^|:)({_HOST}:[0-9]{{1,5}})$", text, re.ASCII)
    if end is not None:
        found.add(end[1])
    return found


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == IPV6
    except ValueError:
        return False


def bare_target(text: str) -> str | None:
    """Return where a session goes without user and password; None for an empty address."""
    address = text.translate(_DROPPED)
    # What follows a cut may be read as an address anew.
    for _ in range(CUTS):
        longer, address = address, bare_text(_cut(address.strip().strip(_AROUND)))
        if address == longer:
            return address or None
    return bare_target(address[_behind_at(address) :])


def bare_text(text: str) -> str:
    """Return `text` without user and password in the addresses that stand somewhere in it."""
    return _IN_TEXT.sub(lambda found: found[1] if _COLON.search(found[2]) else found[0], text)


def site_of(address: str | None) -> str:
    """Return the host of an address in small letters, without port; empty when there is none or it cannot be read."""
    host = None if address is None else _host(_beginning(address)[1])
    if host is None or len(host) > LONGEST_HOST:
        return ""
    return host.lower()  # what follows a "%" comes as it was written


def _cut(address: str) -> str:
    """The address without what stands before the host."""
    beginning, rest = _beginning(address)
    last = _behind_at(rest)
    cut = _behind_at(_authority(rest)) if last else 0
    if last and not cut and _host(rest) is None:
        # Whatever it is, it is no address, and what stands before an "@" may be secret.
        cut = last
    return beginning + rest[cut:]


def _behind_at(text: str) -> int:
    return max(text.rfind(at) for at in _AT) + 1


def _beginning(address: str) -> tuple[str, str]:
    """What stands before the host with its user and password, and the rest."""
    found = _BEGINNING.match(address)
    end = found.end() if found else 0
    return address[:end], address[end:]


def _authority(rest: str) -> str:
    found = _AUTHORITY.match(rest)
    return found[0] if found else ""


def _split(address: str) -> tuple[str, str]:
    """The scheme of a proxy with what ends it, empty without one, and the rest."""
    scheme, mark, rest = address.partition("://")
    # What is no scheme is the beginning of a password.
    return (scheme + mark, rest) if mark and _SCHEME.fullmatch(scheme) else ("", address)


def _host(rest: str) -> str | None:
    """The host at the beginning of `rest`; None when it cannot be read."""
    try:
        parts = urlsplit(f"//{_authority(rest)}")
        _ = parts.port  # A port that is no number is told only when asked for.
    except ValueError:
        return None
    return parts.hostname or ""
