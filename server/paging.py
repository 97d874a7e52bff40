"""How many pages a list has, and how a page is asked for by a token. Pure."""

import re
from typing import Final

from server.errors import InvalidArgument

DEFAULT_PAGE_SIZE: Final = 100
MAX_PAGE_SIZE: Final = 1000

_TOKEN: Final = re.compile(r"n([1-9][0-9]{0,17})", re.ASCII)


def page_count(total: int, per_page: int) -> int:
    """Return how many pages of `per_page` (at least 1) items hold `total` items; none for no items."""
    return -(-total // per_page)


def page_limit(page_size: int) -> int:
    """Return how many items a page has: zero means the default, too large is lowered."""
    return min(page_size, MAX_PAGE_SIZE) or DEFAULT_PAGE_SIZE


def token_behind(number: int) -> str:
    """Return the token of the page that begins behind the item of that number (at least 1)."""
    return f"n{number}"


def number_before(page_token: str) -> int | None:
    """Return the number of the item the page begins behind; None for an empty token, which asks for the first page.

    Raises:
        InvalidArgument: the token is none of ours.
    """
    if not page_token:
        return None
    match = _TOKEN.fullmatch(page_token)
    if match is None:
        raise InvalidArgument.field("page_token", "must be the next_page_token of an earlier page")
    return int(match[1])
