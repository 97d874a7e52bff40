"""The `stream` option of a method: what it may name, and what becomes of it in frames of a WebSocket."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from gateway.codec import dumper
from gateway.contract.services import ContractInvalid, Method, read_services
from gateway.framing.events import read_events
from gateway.framing.sse import sse
from gateway.framing.websocket import close_reason, error_frame, text_frames
from gateway_options.v1 import options_pb2

FIELD = descriptor_pb2.FieldDescriptorProto
# name, type, repeated, type name
FIELDS = [
    ("text", FIELD.TYPE_STRING, False, ""),
    ("number", FIELD.TYPE_INT32, False, ""),
    ("words", FIELD.TYPE_STRING, True, ""),
    ("parts", FIELD.TYPE_MESSAGE, True, ".streamtest.Answer"),
    ("part", FIELD.TYPE_MESSAGE, False, ".streamtest.Answer"),
]


def follow(**stream: object) -> Method:
    """A method with this option whose answers have the fields above."""
    file = descriptor_pb2.FileDescriptorProto(name="streamtest.proto", package="streamtest", syntax="proto3")
    answer = file.message_type.add(name="Answer")
    for number, (name, kind, repeated, type_name) in enumerate(FIELDS, start=1):
        label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
        answer.field.add(name=name, number=number, type=kind, label=label, type_name=type_name or None)
    method = file.service.add(name="Service").method.add(name="Follow", server_streaming=True)
    method.input_type = method.output_type = ".streamtest.Answer"
    options = options_pb2.MethodOptions(stream=options_pb2.Stream(**stream))  # type: ignore[arg-type]  # any of them
    method.options.Extensions[options_pb2.method].CopyFrom(options)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    (found,) = read_services([pool.FindServiceByName("streamtest.Service")])
    return found


def answer(method: Method, **fields: object) -> Message:
    return message_factory.GetMessageClass(method.output)(**fields)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"items": "nothing"}, "stream names 'nothing', which is no field of streamtest.Answer"),
        ({"end": "nothing"}, "stream names 'nothing', which is no field of streamtest.Answer"),
        ({"data": "nothing"}, "stream names 'nothing', which is no field of streamtest.Answer"),
        ({"id": "number"}, "stream names 'number', whose type does not fit"),
        ({"data": "words"}, "stream names 'words', whose type does not fit"),
        ({"event": "number"}, "stream names 'number', whose type does not fit"),
        ({"items": "part"}, "stream names 'part', whose type does not fit"),
        ({"items": "words"}, "stream names 'words', whose type does not fit"),
        ({"end": "parts"}, "stream names 'parts', whose type does not fit"),
    ],
)
def test_an_option_that_does_not_fit_stops_the_start(option: dict[str, object], sentence: str) -> None:
    method = follow(**option)

    with pytest.raises(ContractInvalid, match=f"/streamtest.Service/Follow: {sentence}"):
        read_events(method, dumper(method.output))


def test_a_time_to_come_back_is_not_negative() -> None:
    method = follow(retry_milliseconds=-1)

    with pytest.raises(ContractInvalid, match="retry_milliseconds must be at least 0"):
        sse(method, read_events(method, dumper(method.output)))


@pytest.mark.parametrize(
    ("option", "fields", "frames"),
    [
        ({}, {"text": "a"}, ('{"text":"a"}',)),
        ({"data": "text"}, {"text": "a"}, ("a",)),
        ({"items": "parts"}, {"parts": [{"text": "a"}, {"number": 1}]}, ('{"text":"a"}', '{"number":1}')),
        ({"items": "parts"}, {}, ()),
        # An answer that is the end is nothing beside it.
        ({"end": "part"}, {"text": "a", "part": {"number": 1}}, ('{"end":{"number":1}}',)),
        ({"items": "parts", "end": "part"}, {"parts": [{}], "part": {}}, ("{}", '{"end":{}}')),
        # Text of an end is a JSON string there.
        ({"data": "text", "end": "part"}, {"part": {"text": 'a"b'}}, ('{"end":"a\\"b"}',)),
    ],
)
def test_events_become_frames(option: dict[str, object], fields: dict[str, object], frames: tuple[str, ...]) -> None:
    method = follow(**option)
    encode = text_frames(read_events(method, dumper(method.output)))

    written = encode(answer(method, **fields))

    assert written.data == frames
    assert written.last == any(frame.startswith('{"end"') for frame in frames)


@pytest.mark.parametrize("name", ["end", "error", "two\nlines"])
def test_a_name_that_would_mislead_a_reader_is_left_out(name: str) -> None:
    method = follow(event="text")
    encode = sse(method, read_events(method, dumper(method.output))).encode

    assert b"event:" not in encode(answer(method, text=name)).data


def test_a_reason_is_cut_to_what_a_close_frame_holds() -> None:
    """RFC 6455, section 5.5: a control frame has at most 125 bytes, two of them for the code. No half letter."""
    assert close_reason("short") == "short"
    assert close_reason("é" * 100) == "é" * 60 + "..."
    assert len(close_reason("é" * 100).encode()) <= 123


def test_an_error_is_one_object() -> None:
    assert error_frame(b'{"code":3}') == '{"error":{"code":3}}'
