"""One JSON text per line. Source: https://github.com/ndjson/ndjson-spec"""

from collections.abc import Callable

from google.protobuf.message import Message

from gateway.framing import Frame, Framing


def ndjson(write_json: Callable[[Message], bytes]) -> Framing:
    """Return the framing of answers that `write_json` turns into JSON.

    An error after the first answer is a last line `{"error": <error body>}`.
    """
    return Framing(
        content_type=b"application/x-ndjson",
        headers=((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")),
        opening=b"",
        encode=lambda answer: Frame(write_json(answer) + b"\n"),
        encode_error=lambda body: b'{"error":' + body + b"}\n",
        keep_alive=b"",
        heartbeat_seconds=0,
    )
