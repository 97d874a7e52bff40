"""One JSON text per line. Source: https://github.com/ndjson/ndjson-spec"""

import orjson
from google.protobuf.message import Message

from gateway.codec.printer import message_printer
from gateway.contract import Method
from gateway.framing import Frame, Framing


def ndjson(method: Method) -> Framing:
    """Return the framing of `method`. An error after the first answer is a last line `{"error": <error body>}`."""
    print_message = message_printer(method.output, method.dialect)

    def encode(answer: Message) -> Frame:
        return Frame(orjson.dumps(print_message(answer), option=orjson.OPT_APPEND_NEWLINE))

    return Framing(
        content_type=b"application/x-ndjson",
        headers=((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")),
        encode=encode,
        encode_error=lambda body: b'{"error":' + body + b"}\n",
        keep_alive=b"",
        heartbeat_seconds=0,
    )
