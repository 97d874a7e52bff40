"""Our side of a session: what is sent, repeated, acknowledged and shown, message by message."""

import json
from typing import Any
from uuid import uuid4

import pytest

from workers.environments.aws.agent_message import AgentMessage, PayloadType, decode, encode
from workers.environments.aws.agent_session import AgentSession, NotUnderstood, opening

ACKNOWLEDGE, INPUT = "acknowledge", "input_stream_data"


def output(number: int, payload: bytes, payload_type: int = PayloadType.OUTPUT) -> bytes:
    message = AgentMessage(
        "output_stream_data", uuid4(), 0, sequence_number=number, payload_type=payload_type, payload=payload
    )
    return encode(message)


def told(message_type: str, **content: Any) -> bytes:
    return encode(AgentMessage(message_type, uuid4(), 0, payload=json.dumps(content).encode()))


def acknowledged(*numbers: int) -> list[bytes]:
    return [told(ACKNOWLEDGE, AcknowledgedMessageSequenceNumber=number) for number in numbers]


def session_with_terminal(typed: bytes = b"") -> AgentSession:
    """Return a session whose terminal has shown its prompt, and that has nothing on its way but `typed`."""
    session = AgentSession(typed, opened=0)
    session.take(output(0, b"# "), now=0.0)
    session.shown()
    return session


def sent(session: AgentSession, kind: str, now: float = 0.0) -> list[AgentMessage]:
    return [message for message in map(decode, session.to_send(now=now)) if message.message_type == kind]


def numbers(messages: list[AgentMessage]) -> list[int]:
    return [message.sequence_number for message in messages]


def test_nothing_is_typed_before_the_terminal_shows_something() -> None:
    session = AgentSession(b"echo hello\n", opened=1_700_000_000_000)

    before = session.to_send(now=0.0)
    session.take(output(0, b"# "), now=1.5)
    size, typed = sent(session, INPUT, now=1.5)

    assert before == []
    assert (size.payload_type, json.loads(size.payload)) == (PayloadType.SIZE, {"cols": 200, "rows": 50})
    assert (typed.payload_type, typed.payload) == (PayloadType.OUTPUT, b"echo hello\n")
    assert (size.sequence_number, typed.sequence_number, typed.created) == (0, 1, 1_700_000_001_500)


def test_what_is_typed_comes_in_pieces_a_few_at_a_time() -> None:
    session = session_with_terminal(b"x" * 40_000)

    first = sent(session, INPUT)
    for acknowledgement in acknowledged(*range(10)):
        session.take(acknowledgement, now=0.0)
    second = sent(session, INPUT)

    assert max(len(message.payload) for message in first) == 1024
    assert numbers(first) == list(range(16))
    assert numbers(second) == list(range(16, 26))


def test_each_output_is_acknowledged_by_its_number_and_id() -> None:
    session = AgentSession(b"", opened=0)
    message = output(0, b"# ")

    session.take(message, now=0.0)
    (acknowledgement,) = sent(session, ACKNOWLEDGE)

    assert acknowledgement.flags == 3
    assert json.loads(acknowledgement.payload) == {
        "AcknowledgedMessageType": "output_stream_data",
        "AcknowledgedMessageId": str(decode(message).message_id),
        "AcknowledgedMessageSequenceNumber": 0,
        "IsSequentialMessage": True,
    }
    assert sent(session, ACKNOWLEDGE) == []


def test_output_is_shown_once_and_in_order_however_it_comes() -> None:
    session = session_with_terminal()
    messages = [output(number, str(number).encode()) for number in range(1, 6)]

    for place in (1, 1, 3, 0, 0, 4, 3, 2):
        session.take(messages[place], now=0.0)

    assert session.shown() == b"12345"
    assert session.shown() == b""
    # Also what came twice: the acknowledgement may have got lost.
    assert len(sent(session, ACKNOWLEDGE)) == 1 + 8


def test_what_comes_far_too_early_is_not_kept_and_not_acknowledged() -> None:
    session = session_with_terminal()
    session.to_send(now=0.0)

    session.take(output(1 + 256, b"far"), now=0.0)

    assert session.to_send(now=0.0) == []


def test_a_damaged_message_is_not_acknowledged_and_the_next_one_counts() -> None:
    session = session_with_terminal()
    session.to_send(now=0.0)

    session.take(output(1, b"one")[:-1] + b"!", now=0.0)
    silence = session.to_send(now=0.0)
    session.take(output(1, b"one"), now=0.0)

    assert silence == []
    assert session.shown() == b"one"


def test_damaged_messages_without_end_are_told() -> None:
    session = session_with_terminal()
    for _ in range(100):
        session.take(b"noise", now=0.0)

    with pytest.raises(NotUnderstood, match="too many"):
        session.take(b"noise", now=0.0)


def test_what_is_not_acknowledged_is_sent_again_as_it_was() -> None:
    session = session_with_terminal(b"exit\n")
    first = sent(session, INPUT, now=0.0)
    session.take(acknowledged(0)[0], now=0.1)

    assert session.seconds_left(now=0.4) == pytest.approx(0.6)
    assert sent(session, INPUT, now=0.9) == []
    assert sent(session, INPUT, now=1.1) == first[1:]
    session.take(acknowledged(1)[0], now=1.2)
    assert session.all_acknowledged()
    assert session.seconds_left(now=1.2) is None


def test_nothing_but_acknowledgements_is_sent_while_publication_is_paused() -> None:
    session = session_with_terminal(b"exit\n")
    first = sent(session, INPUT)

    session.take(told("pause_publication"), now=0.1)
    paused = sent(session, INPUT, now=5.0)
    left = session.seconds_left(now=5.0)
    session.take(told("start_publication"), now=5.0)

    assert (paused, left) == ([], None)
    assert sent(session, INPUT, now=5.0) == first


def test_a_session_that_begins_paused_goes_on_when_the_agent_speaks() -> None:
    session = AgentSession(b"exit\n", opened=0)

    session.take(told("pause_publication"), now=0.0)
    session.take(output(0, b"# "), now=0.0)

    assert len(sent(session, INPUT)) == 2


def test_a_session_that_is_closed_tells_the_words_of_the_service() -> None:
    session = session_with_terminal()
    still_open = session.closed

    session.take(told("channel_closed", Output="timed out"), now=0.0)

    assert (still_open, session.closed) == (None, "timed out")


def test_a_session_that_is_closed_without_words_is_closed() -> None:
    session = session_with_terminal()

    session.take(told("channel_closed", MessageType="channel_closed"), now=0.0)

    assert session.closed == ""


def handshake(*actions: dict[str, Any]) -> bytes:
    request = {"AgentVersion": "3.3.0.0", "RequestedClientActions": list(actions)}
    return output(0, json.dumps(request).encode(), PayloadType.HANDSHAKE_REQUEST)


def test_the_agent_is_told_that_its_session_is_understood() -> None:
    session = AgentSession(b"exit\n", opened=0)
    wanted = {"ActionType": "SessionType", "ActionParameters": {"SessionType": "InteractiveCommands"}}

    session.take(handshake(wanted), now=0.0)
    (answer,) = sent(session, INPUT)

    content = json.loads(answer.payload)
    assert answer.payload_type == PayloadType.HANDSHAKE_RESPONSE
    assert [action["ActionStatus"] for action in content["ProcessedClientActions"]] == [1]
    assert (content["Errors"], list(session.unmet), session.has_terminal) == ([], [], False)


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ({"ActionType": "KMSEncryption", "ActionParameters": {"KMSKeyId": "key"}}, 3),
        ({"ActionType": "SessionType", "ActionParameters": {"SessionType": "Port"}}, 2),
        ({"ActionType": "SessionType", "ActionParameters": None}, 3),
        ({}, 3),
    ],
)
def test_the_agent_is_told_what_cannot_be_done(action: dict[str, Any], status: int) -> None:
    session = AgentSession(b"", opened=0)

    session.take(handshake(action), now=0.0)
    (answer,) = sent(session, INPUT)

    content = json.loads(answer.payload)
    assert [action["ActionStatus"] for action in content["ProcessedClientActions"]] == [status]
    assert len(content["Errors"]) == 1
    assert list(session.unmet) == [str(action.get("ActionType"))]


@pytest.mark.parametrize(
    "message",
    [
        encode(AgentMessage("channel_closed", uuid4(), 0, payload=b"\xff")),
        encode(AgentMessage("channel_closed", uuid4(), 0, payload=b"[]")),
        encode(AgentMessage("acknowledge", uuid4(), 0, payload=b"")),
        encode(AgentMessage("acknowledge", uuid4(), 0, payload=b"[" * 100_000)),
        output(0, b"{}", PayloadType.HANDSHAKE_REQUEST),
        output(0, b'{"RequestedClientActions": ["SessionType"]}', PayloadType.HANDSHAKE_REQUEST),
    ],
    ids=["no text", "no object", "empty", "deep", "no actions", "no action"],
)
def test_whole_messages_without_meaning_are_told(message: bytes) -> None:
    with pytest.raises(NotUnderstood):
        AgentSession(b"", opened=0).take(message, now=0.0)


def test_messages_and_payloads_of_types_that_nobody_knows_change_nothing() -> None:
    session = AgentSession(b"exit\n", opened=0)

    session.take(told("agent_session_state", SessionState="Connected"), now=0.0)
    session.take(output(0, b"?", payload_type=99), now=0.0)

    assert (session.has_terminal, session.shown()) == (False, b"")
    assert len(session.to_send(now=0.0)) == 1


def test_what_is_broken_off_is_interrupted_and_leaves_no_gap_in_the_numbers() -> None:
    session = session_with_terminal(b"x" * 40_000)
    sent(session, INPUT)

    session.break_off(now=0.0)
    for acknowledgement in acknowledged(*range(16)):
        session.take(acknowledgement, now=0.0)
    rest = sent(session, INPUT)

    assert numbers(rest) == [16, 17, 18]
    assert [message.payload for message in rest] == [b"\x03", b"exit\n", bytes([0, 0, 0, 2])]
    assert rest[2].payload_type == PayloadType.FLAG


def test_the_opening_has_the_token() -> None:
    content = json.loads(opening("a token"))

    assert (content["MessageSchemaVersion"], content["TokenValue"]) == ("1.0", "a token")
    assert content["RequestId"] != content["ClientId"]
