"""The codec as the testee of the runner: `python -m tests.conformance.testee WAY`, started by the runner.

Over standard input and output go, each after its length in four bytes, a ConformanceRequest and the ConformanceResponse
to it. Binary goes through google.protobuf itself; only JSON is ours. Source: comments in conformance.proto.
"""

import importlib
import struct
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError, EncodeError, Message

from gateway.codec import Dialect, DumpError, ParseError, compiled, in_python

WAYS: Final[Mapping[str, Any]] = {"native first": compiled, "python": in_python}
STRICT: Final = Dialect()
LENIENT: Final = Dialect(ignore_unknown_fields=True, ignore_unknown_enums=True)
LENGTH: Final = struct.Struct("<I")
# Importing them puts the types of the tests, and what an Any in them may hold, into the pool.
MESSAGES: Final = (
    *("conformance_messages.test_messages_proto2_pb2", "conformance_messages.test_messages_proto3_pb2"),
    "conformance_messages.test_messages_proto2_editions_pb2",
    "conformance_messages.test_messages_proto3_editions_pb2",
    "conformance_messages.test_messages_edition2023_pb2",
    *(f"google.protobuf.{name}_pb2" for name in ("any", "duration", "empty", "field_mask", "struct", "timestamp")),
    "google.protobuf.wrappers_pb2",
)


def main() -> None:
    """Answer until the runner closes the pipe."""
    protocol = importlib.import_module("conformance.conformance_pb2")
    for module in MESSAGES:
        importlib.import_module(module)
    way = WAYS[sys.argv[1]]
    while request := _read(sys.stdin.buffer):
        response = _answer(protocol, protocol.ConformanceRequest.FromString(request), way).SerializeToString()
        sys.stdout.buffer.write(LENGTH.pack(len(response)) + response)
        sys.stdout.buffer.flush()


def _read(stream: BinaryIO) -> bytes:
    """One request; empty at the end."""
    head = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(head)[0]) if head else b""


def _answer(protocol: Any, request: Any, way: Any) -> Any:
    response = protocol.ConformanceResponse
    if request.message_type == "conformance.FailureSet":
        # Asks for the tests that are expected to fail.
        return response(protobuf_payload=protocol.FailureSet().SerializeToString())
    if request.WhichOneof("payload") not in ("protobuf_payload", "json_payload"):
        return response(skipped="only binary and JSON are read")
    if request.requested_output_format not in (protocol.PROTOBUF, protocol.JSON):
        return response(skipped="only binary and JSON are written")
    try:
        message = _parsed(protocol, request, way)
    except (DecodeError, ParseError) as error:
        return response(parse_error=str(error))
    try:
        if request.requested_output_format == protocol.PROTOBUF:
            return response(protobuf_payload=message.SerializeToString())
        return response(json_payload=way.dumper(message.DESCRIPTOR)(message).decode())
    except (EncodeError, DumpError) as error:
        return response(serialize_error=str(error))


def _parsed(protocol: Any, request: Any, way: Any) -> Message:
    descriptor = descriptor_pool.Default().FindMessageTypeByName(request.message_type)
    if request.WhichOneof("payload") == "protobuf_payload":
        return message_factory.GetMessageClass(descriptor).FromString(request.protobuf_payload)
    lenient = request.test_category == protocol.JSON_IGNORE_UNKNOWN_PARSING_TEST
    message: Message = way.parser(descriptor, LENIENT if lenient else STRICT)(request.json_payload.encode())
    return message


if __name__ == "__main__":
    main()
