"""How each kind of list turns its page: the request is changed into that of the next page.

Each function returns whether there is a next page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def by_token(request: Any, response: Any) -> bool:
    """Lists with `page_token` (AIP-158)."""
    request.page_token = response.next_page_token
    return bool(response.next_page_token)


def by_cursor(request: Any, response: Any) -> bool:
    """Lists with `cursor`, which costs the same however deep the page is."""
    request.cursor = response.next_cursor
    return bool(response.next_cursor)


def by_after(request: Any, response: Any) -> bool:
    """Logs with `after`."""
    request.after = response.next_cursor
    return bool(response.next_cursor)


def by_number(request: Any, response: Any) -> bool:
    """Lists with numbered pages, `page` from 1, and the size of a page in the answer."""
    size = response.per_page if "per_page" in response.DESCRIPTOR.fields_by_name else response.page_size
    request.page = response.page + 1
    return bool(response.page * size < response.total)


def by_oldest(items: str, identity: str) -> Callable[[Any, Any], bool]:
    """Lists with `before`, the `identity` field of the oldest of the `items`. Only an empty page is the end."""

    def turn(request: Any, response: Any) -> bool:
        page = getattr(response, items)
        if page:
            request.before = getattr(page[-1], identity)
        return bool(page)

    return turn
