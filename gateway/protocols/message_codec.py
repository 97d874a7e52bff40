"""The two forms of a message in calls by the path of the rpc."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from gateway.codec import Dialect, dumper, parser
from gateway.contract.services import Method
from gateway.errors import BadRequest

# The dialect of the service is for HTTP routes only: clients of these protocols parse ProtoJSON and nothing else. What
# a newer client sends beyond the contract is skipped, as it is in binary, and as the servers of connect-go and
# connect-es do.
PROTO_JSON: Final = Dialect(ignore_unknown_fields=True, ignore_unknown_enums=True)


@dataclass(frozen=True, slots=True)
class MessageCodec:
    """Requests and answers of one rpc in one form."""

    parse: Callable[[bytes], Message]
    """A request. Raises BadRequest."""
    dump: Callable[[Message], bytes]
    """An answer. Raises DumpError."""


def message_codecs(method: Method) -> Mapping[str, MessageCodec]:
    """The codecs of `method` under the names both protocols use: "proto" and "json"."""
    return {
        "proto": MessageCodec(_binary_parser(method.input, method.input_class), _serialize),
        "json": MessageCodec(parser(method.input, PROTO_JSON), dumper(method.output, PROTO_JSON)),
    }


def _binary_parser(descriptor: Descriptor, message_class: type[Message]) -> Callable[[bytes], Message]:
    def parse(data: bytes) -> Message:
        try:
            message = message_class.FromString(data)
        except DecodeError as error:
            raise BadRequest(f"the message must be a serialized {descriptor.full_name}") from error
        if not message.IsInitialized():
            raise BadRequest(f"the message must have all required fields of {descriptor.full_name}")
        return message

    return parse


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
