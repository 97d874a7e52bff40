"""A list that comes in pages, as one iterator.

Made from the module for asyncio by `make generate`; do not edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from google.protobuf.message import Message

from ..method import Paged
from ..settings import Headers

if TYPE_CHECKING:
    from .connection import Connection

P = TypeVar("P", bound=Message)
T = TypeVar("T")


class Pages(Generic[P, T]):
    """The items of a list, as `for` takes them: a page is read when its first item is asked for."""

    def __init__(
        self,
        connection: Connection,
        paged: Paged[Any, P],
        request: Any,
        timeout: float | None,
        headers: Headers | None,
    ) -> None:
        self._connection = connection
        self._paged = paged
        self._request = request
        self._timeout = timeout
        self._headers = headers

    def pages(self) -> Iterator[P]:
        """Yield the pages as they are, with their totals."""
        call = self._connection.unary(self._paged.method)
        request = type(self._request)()
        request.CopyFrom(self._request)
        more = True
        while more:
            page = call(request, self._timeout, self._headers)
            more = self._paged.turn(request, page)
            yield page

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            for item in getattr(page, self._paged.items):
                yield item

    def first(self) -> T | None:
        """Return the first item, None of an empty list."""
        for item in self:
            return item
        return None
