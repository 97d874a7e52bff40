"""The path of a request below the place where a gateway is mounted, as Starlette and FastAPI mount applications."""

from typing import Final

SLASH: Final = ord("/")
PERCENT: Final = ord("%")


def below_mount(raw_path: bytes, root_path: str) -> bytes:
    """`raw_path` without the `root_path` it begins with; `raw_path` itself when it does not begin with it.

    `raw_path` is percent-encoded, `root_path` is not (ASGI, HTTP connection scope). So the two are compared decoded,
    and what is left stays as the client spelled it. A mount at "/api" does not cover "/apis".
    """
    at = 0
    for wanted in root_path.rstrip("/").encode():
        if at == len(raw_path):
            return raw_path
        found, width = _byte(raw_path, at)
        if found != wanted:
            return raw_path
        at += width
    rest = raw_path[at:]
    return rest if not rest or rest[0] == SLASH else raw_path


def _byte(raw_path: bytes, at: int) -> tuple[int, int]:
    """The decoded byte at `at`, and how many bytes spell it."""
    if raw_path[at] == PERCENT:
        try:
            return int(raw_path[at + 1 : at + 3], 16), 3
        except ValueError:
            return PERCENT, 1
    return raw_path[at], 1
