"""The codec as a testee of the official protobuf conformance suite: text to message, and message to text.

The suite must pass whole: 2328 required and 434 recommended JSON tests (runner v33.2, editions up to 2023).
"""

from google.protobuf.message import Message

from gateway import codec


def parse(json_text: str, message_class: type[Message], ignore_unknown: bool) -> Message:
    return codec.parse(json_text.encode(), message_class, ignore_unknown=ignore_unknown)


def print_message(message: Message) -> bytes:
    return codec.dump(message)
