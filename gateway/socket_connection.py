"""A WebSocket connection of uvicorn that keeps what it is asked to itself."""

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class SocketConnection(WebSocketsSansIOProtocol):
    """Give this class to `uvicorn.Config` as `ws`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # uvicorn writes a line for each handshake, with the whole query, which may hold secrets. The access log has one
        # without.
        self.logger = logging.getLogger("gateway.websocket")
        self.logger.setLevel(logging.WARNING)
