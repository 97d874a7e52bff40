"""Idempotency keys: a call with one may be made again, and gives the answer of the first time."""

from __future__ import annotations

import os


def new_key() -> str:
    """Return a key that nobody has used, 32 hexadecimal digits."""
    return os.urandom(16).hex()
