"""gRPC-Web as text: base64 in pieces that each may have padding of their own.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md, "Text-encoded (response) streams".
"""

from binascii import a2b_base64
from typing import Final

from gateway.errors import BadRequest

# Base64 writes three bytes in four characters.
_QUANTUM: Final = 4


class TextDecoder:
    """Takes text as it comes and gives the bytes it spells so far."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, text: bytes) -> bytes:
        """Return the bytes of what came, but for a last group that is not complete. Raises BadRequest."""
        text = self._rest + text
        whole = len(text) - len(text) % _QUANTUM
        self._rest = text[whole:]
        found = []
        at = 0
        while at < whole:
            padding = text.find(b"=", at, whole)
            # A piece ends with the group that is padded.
            end = whole if padding < 0 else padding - padding % _QUANTUM + _QUANTUM
            try:
                found.append(a2b_base64(text[at:end], strict_mode=True))
            except ValueError as error:
                raise BadRequest("the body must be base64") from error
            at = end
        return b"".join(found)

    def finish(self) -> None:
        """Say that the body is over. Raises BadRequest if it ends inside a group of four characters."""
        if self._rest:
            raise BadRequest("the body must be base64, padded at its end")
