"""The least an ASGI server can be asked for: the body is read, and one constant answer given."""

from typing import Any

from benchmarks.peers import items
from gateway import codec


def make_app() -> Any:
    """The application."""
    body = codec.dump(items.sample(2))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
