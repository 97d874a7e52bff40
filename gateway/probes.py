"""What whoever runs the program asks it: does it live, and may it be sent requests.

An ASGI application for a port of its own, so that no path of the services behind the gateway is taken, and nobody
outside can ask.
"""

from collections.abc import Callable
from typing import Any, Final

ALIVE: Final = "/healthz"
READY: Final = "/readyz"


class Probes:
    """Answers /healthz with 200 always, and /readyz with 200 as long as `ready` says so, else 503."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        """Answer one request."""
        status, text = self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})

    def _answer(self, method: str, path: str) -> tuple[int, bytes]:
        if method not in ("GET", "HEAD"):
            return 405, b"only GET and HEAD\n"
        if path == ALIVE or (path == READY and self._ready()):
            return 200, b"ok\n"
        return (503, b"no server to call, or about to stop\n") if path == READY else (404, b"not found\n")
