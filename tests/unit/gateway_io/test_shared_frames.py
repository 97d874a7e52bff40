"""Frames shared by the readers of one stream."""

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue

from gateway.framing import Frame
from gateway.framing.shared_frames import SharedFrames


class Encoder:
    """Counts what it encodes."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, message: Message) -> Frame:
        self.count += 1
        return Frame(message.SerializeToString())


def test_a_thousand_readers_of_one_object_encode_it_once() -> None:
    encoder = Encoder()
    frames = SharedFrames(encoder)
    message = StringValue(value="x")

    data = {id(frames.frame(message, None).data) for _ in range(1000)}

    assert (encoder.count, len(data)) == (1, 1)


def test_equal_objects_are_not_mixed_up() -> None:
    encoder = Encoder()
    frames = SharedFrames(encoder)

    first = frames.frame(StringValue(value="a"), None)
    second = frames.frame(StringValue(value="b"), None)

    assert first != second


def test_an_object_that_is_changed_and_sent_again_is_encoded_again() -> None:
    frames = SharedFrames(Encoder())
    message = StringValue(value="a")
    first = frames.frame(message, None)

    message.value = "b"
    second = frames.frame(message, message)

    assert first != second


def test_only_the_newest_are_kept() -> None:
    encoder = Encoder()
    frames = SharedFrames(encoder, capacity=2)
    messages = [StringValue(value=text) for text in "abc"]

    for message in messages:
        frames.frame(message, None)
    frames.frame(messages[0], None)

    assert encoder.count == 4
