"""How busy a database is."""

from typing import NamedTuple


class Pool(NamedTuple):
    """Connections that may be open at a time, and how many of them could be used at once."""

    size: int
    free: int
