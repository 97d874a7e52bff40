"""Switchyard from Python: one client that waits (`Client`) and one for asyncio (`AsyncClient`).

Both have a resource as attribute for each part of the contract (`client.bots`, `client.workflows` ...), whose methods
are the contract's calls with their fields as arguments. Around each call they do the same: credentials, deadlines,
retries that cannot do a thing twice, errors as exceptions by reason, pages as iterators, and streams that come back
where they broke.
"""

from . import errors, webhook
from .aio.client import AsyncClient
from .errors import SwitchyardError
from .retry import Retry
from .sync.client import Client
from .tokens import Tokens
from .words import word

__all__ = ["AsyncClient", "Client", "Retry", "SwitchyardError", "Tokens", "errors", "webhook", "word"]
