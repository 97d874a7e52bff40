"""The cookies file: a Playwright storage state, `{"cookies": [...], "origins": [...]}`. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workers.flow.errors import ConfigInvalid


class StorageState(NamedTuple):
    """What a browser context starts with."""

    cookies: Sequence[Mapping[str, object]]
    origins: Sequence[Mapping[str, object]]

    def expired_count(self, *, now: float) -> int:
        """Count the cookies that ended before `now` (seconds since the epoch). Session cookies (-1) never do."""
        return sum(1 for cookie in self.cookies if 0 <= _expiry(cookie) < now)


def parse(data: bytes) -> StorageState:
    """Read a storage state.

    Raises:
        ConfigInvalid: it is none; the message names the cookie (from 1) that is wrong, never its value.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid("the cookies file is not JSON") from error
    if not isinstance(document, dict):
        raise ConfigInvalid("the cookies file must be a Playwright storage state: an object with cookies and origins")
    cookies, origins = document.get("cookies", []), document.get("origins", [])
    if not _maps(cookies) or not _maps(origins):
        raise ConfigInvalid("cookies and origins in the cookies file must be lists of objects")
    for number, cookie in enumerate(cookies, 1):
        _check_cookie(number, cookie)
    return StorageState(cookies, origins)


def _check_cookie(number: int, cookie: Mapping[str, object]) -> None:
    for key in ("name", "value"):
        if not isinstance(cookie.get(key), str):
            raise ConfigInvalid(f"cookie {number} in the cookies file has no {key}")
    if not isinstance(cookie.get("domain"), str) and not isinstance(cookie.get("url"), str):
        raise ConfigInvalid(f"cookie {number} in the cookies file has no domain")
    if cookie.get("sameSite", "Lax") not in ("Strict", "Lax", "None"):
        raise ConfigInvalid(f"cookie {number} in the cookies file has a 'sameSite' that is not Strict, Lax or None")
    expires = cookie.get("expires", -1)
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise ConfigInvalid(f"cookie {number} in the cookies file has an 'expires' that is no number")


def _expiry(cookie: Mapping[str, object]) -> float:
    expires = cookie.get("expires", -1)
    return float(expires) if isinstance(expires, int | float) else -1.0


def _maps(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
