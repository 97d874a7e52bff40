"""Cookies as people upload them, turned into the storage state the browser starts with.

Pure. A Playwright storage state (`{"cookies": [...], "origins": [...]}`) is taken as it is, a plain list of cookies as
browser extensions export it is converted. Source of the shapes: Playwright's `BrowserContext.storage_state`, and
`chrome.cookies.Cookie`, which the extensions write out.
"""

import json
import math
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from server.errors import InvalidArgument

MAX_BYTES: Final = 5 * 1024 * 1024

SAME_SITE: Final[Mapping[str, str]] = {
    "strict": "Strict",
    "lax": "Lax",
    "none": "None",
    "no_restriction": "None",
    # What a browser does with a cookie that says nothing.
    "unspecified": "Lax",
    "": "Lax",
}

# How Playwright writes a cookie that ends with the session.
SESSION: Final = -1

Json = object
Cookie = dict[str, Json]


def storage_state(data: bytes) -> bytes:
    """Return the storage state, as JSON, that the uploaded `data` stands for.

    Raises:
        InvalidArgument: `data` is neither a storage state nor a list of cookies; the message says what is wrong.
    """
    uploaded = _parse(data)
    if isinstance(uploaded, list):
        state: dict[str, Json] = {"cookies": uploaded, "origins": []}
    elif isinstance(uploaded, dict) and isinstance(uploaded.get("cookies"), list):
        state = {**uploaded, "origins": uploaded.get("origins", [])}
    else:
        raise _refused("must be a storage state with a list of cookies, or a list of cookies")
    cookies = state["cookies"]
    assert isinstance(cookies, list)  # noqa: S101 - both branches above made it one
    state["cookies"] = [_cookie(cookie, f"cookie {number}") for number, cookie in enumerate(cookies, start=1)]
    _check_origins(state["origins"])
    return json.dumps(state, ensure_ascii=False, indent=2).encode()


def _parse(data: bytes) -> Json:
    try:
        parsed: Json = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise _refused("must be UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise _refused("must be JSON") from error
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise _refused("must not contain broken characters or be nested too deeply") from error
    return parsed


def _no_number(name: str) -> Json:
    raise ValueError(name)


def _cookie(cookie: Json, label: str) -> Cookie:
    if not isinstance(cookie, dict):
        raise _refused(f"must hold objects as cookies; {label} is none")
    converted: Cookie = {
        "name": _text(cookie, "name", label),
        "value": _text(cookie, "value", label, may_be_empty=True),
        **_place(cookie, label),
        "expires": _expires(cookie, label),
        "httpOnly": _flag(cookie, "httpOnly", label),
        "secure": _flag(cookie, "secure", label),
        "sameSite": _same_site(cookie, label),
    }
    if isinstance(cookie.get("partitionKey"), str):
        converted["partitionKey"] = cookie["partitionKey"]
    return converted


def _place(cookie: Cookie, label: str) -> Cookie:
    """Where the cookie is sent: its domain and path; a `url` stands for both."""
    path = _text(cookie, "path", label) if cookie.get("path") is not None else "/"
    if cookie.get("domain") is not None:
        return {"domain": _text(cookie, "domain", label), "path": path}
    if cookie.get("url") is None:
        raise _refused(f"must give each cookie a domain or a url; {label} has neither")
    try:
        host = urlsplit(_text(cookie, "url", label)).hostname
    except ValueError:
        host = None
    if not host:
        raise _refused(f"must give each cookie a url with a host; {label} has none")
    return {"domain": host, "path": path}


def _expires(cookie: Cookie, label: str) -> int | float:
    """End of the cookie in seconds since the epoch, -1 for the end of the session."""
    given = cookie.get("expires", cookie.get("expirationDate"))
    if given is None or cookie.get("session") is True:
        return SESSION
    if isinstance(given, bool) or not isinstance(given, int | float) or not _finite(given):
        raise _refused(f"must give expires in seconds since the epoch; {label} does not")
    return given if given > 0 else SESSION


def _finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _same_site(cookie: Cookie, label: str) -> str:
    given = cookie.get("sameSite")
    if given is None:
        return "Lax"
    found = SAME_SITE.get(given.lower()) if isinstance(given, str) else None
    if found is None:
        raise _refused(f"must give sameSite as Strict, Lax or None; {label} does not")
    return found


def _flag(cookie: Cookie, key: str, label: str) -> bool:
    given = cookie.get(key)
    if given is None:
        return False
    if not isinstance(given, bool):
        raise _refused(f"must give {key} as true or false; {label} does not")
    return given


def _text(cookie: Cookie, key: str, label: str, *, may_be_empty: bool = False) -> str:
    given = cookie.get(key)
    if not isinstance(given, str) or not (given or may_be_empty):
        raise _refused(f"must give each cookie a {key}; {label} has none")
    return given


def _check_origins(origins: Json) -> None:
    if not isinstance(origins, list) or not all(
        isinstance(origin, dict) and isinstance(origin.get("origin"), str) for origin in origins
    ):
        raise _refused("must hold a list of objects with an origin under origins")


def _refused(message: str) -> InvalidArgument:
    return InvalidArgument.field("file", message)
