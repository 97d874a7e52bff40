"""The secret path of a workflow. Whoever knows it can run the workflow; what is stored does not tell it. Pure."""

import hashlib
import secrets
from typing import Final, NamedTuple

from google.api.httpbody_pb2 import HttpBody

from server.json_text import JsonInvalid, read, spell

PREFIX: Final = "/api/v1/hooks/"
KEY_BYTES: Final = 32


class SecretPath(NamedTuple):
    """A new secret path, told once, and what is stored of it."""

    path: str
    hash: str


def new_secret_path() -> SecretPath:
    """Return a path that nobody can guess."""
    key = secrets.token_urlsafe(KEY_BYTES)
    return SecretPath(PREFIX + key, hash_of(key))


def hash_of(key: str) -> str:
    """Return what is stored of the secret part of a path. It has 256 random bits, so that no salt is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def variables_of(payload: HttpBody) -> str:
    """Return the variables of a job that was set off by `payload`, as a JSON object: its content as `payload`.

    JSON is taken as a value, anything else as text, and so is what calls itself text/*. Bytes that are no UTF-8 become
    U+FFFD.
    """
    if not payload.content_type.lower().startswith("text/"):
        try:
            return f'{{"payload":{read(payload.data).text.decode()}}}'
        except JsonInvalid:
            pass  # Then it is text.
    return spell({"payload": payload.data.decode(errors="replace")})
