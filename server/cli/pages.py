"""Lists that come in pages, read to their end."""

from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

# What the server gives at most.
PAGE_SIZE: Final = 1000


class PagedRequest(Protocol):
    """Asks for a page."""

    page_token: str


class Page(Protocol):
    """Says how to ask for the page behind it; with nothing where there is none."""

    next_page_token: str


Request = TypeVar("Request", bound=PagedRequest)
Answer = TypeVar("Answer", bound=Page)


def pages(call: Callable[[Request], Answer], request: Request) -> Iterator[Answer]:
    """Yield what `call` answers to `request` and to those for the pages that follow."""
    while True:
        page = call(request)
        yield page
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token
