"""The id that ties an HTTP request to its calls and log lines."""

import re
from random import getrandbits
from typing import Final

# Visible ASCII: fits a header, a metadata value and a log line as it is.
SANE: Final = re.compile(rb"[\x21-\x7e]{1,128}")


def request_id(sent: bytes | None) -> str:
    """Return the id the client sent in X-Request-ID if it is sane, else 128 random bits in hexadecimal."""
    if sent is not None and SANE.fullmatch(sent):
        return sent.decode("ascii")
    # Told apart, not kept secret: nothing is opened by knowing one.
    return getrandbits(128).to_bytes(16).hex()
