"""Our side of a session with the agent in a container: what is to be sent, and what its terminal shows.

Pure: messages come in and go out as bytes, and `now` is passed in, in seconds since the session was opened. Both sides
number what they send, acknowledge what they get, and send again what is not acknowledged. The agent's messages may come
twice and in any order. Source: https://github.com/aws/session-manager-plugin, src/datachannel/streaming.go.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from workers.environments.aws.agent_message import (
    ALONE,
    AgentMessage,
    Damaged,
    MessageType,
    PayloadType,
    decode,
    encode,
)
from workers.environments.typed_command import COLUMNS, INTERRUPT, ROWS

# Source: src/config/config.go there, as are the length of what is typed and the time until something is sent again.
_SCHEMA_VERSION: Final = "1.0"
_PIECE_BYTES: Final = 1024
_AGAIN_SECONDS: Final = 1.0
# Of the program at that address whose manners are those of this module.
_CLIENT_VERSION: Final = "1.2.694.0"
# So many messages of ours are on their way at a time, so many of the agent's wait for one that comes late, and so many
# may come damaged without one between that is whole.
_ON_THEIR_WAY: Final = 16
_EARLY: Final = 256
_DAMAGED: Final = 100
# Sessions with a terminal.
_SESSION_TYPES: Final = frozenset({"Standard_Stream", "InteractiveCommands"})
_DONE, _FAILED, _UNSUPPORTED = 1, 2, 3
_TERMINATE: Final = (2).to_bytes(4, "big")


class NotUnderstood(Exception):
    """The agent or the service says something that has no meaning to us."""


@dataclass(slots=True)
class _Outgoing:
    number: int
    data: bytes
    again_at: float | None = None  # None until it was sent


class AgentSession:
    """One session, in whose terminal `typed` is typed as soon as that shows anything.

    Not at once: what comes before there is a terminal is acknowledged by some agents, and lost.
    """

    def __init__(self, typed: bytes, *, opened: int) -> None:
        """`opened` is the time of now = 0, in ms since 1970."""
        self._typed = typed
        self._opened = opened
        self._acknowledgements: list[bytes] = []
        self._outgoing: deque[_Outgoing] = deque()
        self._next = 0
        self._expected = 0
        self._early: dict[int, AgentMessage] = {}
        self._shown = bytearray()
        self._paused = False
        self._damaged = 0
        self.has_terminal = False
        # What the agent wants of us at the beginning, and we cannot do.
        self.unmet: Sequence[str] = ()
        # Why the service has closed it, which may be empty; None while it is open.
        self.closed: str | None = None

    def take(self, data: bytes, *, now: float) -> None:
        """Take the next message. One that is damaged is not acknowledged, so it comes again.

        Raises:
            NotUnderstood: it, or too many in a row, have no meaning.
        """
        try:
            message = decode(data)
        except Damaged as damage:
            self._damaged += 1
            if self._damaged > _DAMAGED:
                raise NotUnderstood("too many messages are damaged") from damage
            return
        self._damaged = 0
        self._take(message, now)

    def shown(self) -> bytes:
        """Return what the terminal has shown since the last call."""
        shown = bytes(self._shown)
        self._shown.clear()
        return shown

    def to_send(self, *, now: float) -> Sequence[bytes]:
        """Return the messages that are to be sent now: acknowledgements, what is new, and what is to be repeated."""
        due, self._acknowledgements = self._acknowledgements, []
        for outgoing in () if self._paused else islice(self._outgoing, _ON_THEIR_WAY):
            if outgoing.again_at is None or outgoing.again_at <= now:
                outgoing.again_at = now + _AGAIN_SECONDS
                due.append(outgoing.data)
        return due

    def seconds_left(self, *, now: float) -> float | None:
        """Return how long until something is to be repeated; None when nothing is."""
        times = [outgoing.again_at for outgoing in self._outgoing if outgoing.again_at is not None]
        return None if self._paused or not times else max(0.0, min(times) - now)

    def all_acknowledged(self) -> bool:
        """Tell whether the agent has all that was typed."""
        return not self._outgoing

    def break_off(self, *, now: float) -> None:
        """Interrupt what runs in the terminal, and leave its shell; what was not yet sent is not typed any more."""
        while self._outgoing and self._outgoing[-1].again_at is None:
            self._next = self._outgoing.pop().number
        self._queue(PayloadType.OUTPUT, INTERRUPT.encode(), now)
        self._queue(PayloadType.OUTPUT, b"exit\n", now)
        # Agents of today heed this in sessions of ports alone; in those of terminals they skip it.
        self._queue(PayloadType.FLAG, _TERMINATE, now)

    def _take(self, message: AgentMessage, now: float) -> None:
        match message.message_type:
            case MessageType.OUTPUT:
                self._resume()
                self._take_output(message, now)
            case MessageType.ACKNOWLEDGE:
                self._resume()
                number = _content(message).get("AcknowledgedMessageSequenceNumber")
                self._outgoing = deque(outgoing for outgoing in self._outgoing if outgoing.number != number)
            case MessageType.CHANNEL_CLOSED:
                self.closed = str(_content(message).get("Output") or "")
            case MessageType.PAUSE_PUBLICATION:
                self._paused = True
            case MessageType.START_PUBLICATION:
                self._resume()

    def _resume(self) -> None:
        """Send again, all that may have got lost meanwhile too: the agent is there."""
        if self._paused:
            self._paused = False
            for outgoing in self._outgoing:
                outgoing.again_at = None if outgoing.again_at is None else 0.0

    def _take_output(self, message: AgentMessage, now: float) -> None:
        if message.sequence_number >= self._expected + _EARLY:
            return
        self._acknowledge(message, now)
        if message.sequence_number >= self._expected:
            self._early[message.sequence_number] = message
        while (next_one := self._early.pop(self._expected, None)) is not None:
            self._expected += 1
            self._heed(next_one, now)

    def _heed(self, message: AgentMessage, now: float) -> None:
        if message.payload_type == PayloadType.OUTPUT:
            self._shown += message.payload
            if not self.has_terminal:
                self.has_terminal = True
                self._begin(now)
        elif message.payload_type == PayloadType.HANDSHAKE_REQUEST:
            self._answer_handshake(message, now)

    def _begin(self, now: float) -> None:
        self._queue(PayloadType.SIZE, json.dumps({"cols": COLUMNS, "rows": ROWS}).encode(), now)
        for start in range(0, len(self._typed), _PIECE_BYTES):
            self._queue(PayloadType.OUTPUT, self._typed[start : start + _PIECE_BYTES], now)

    def _answer_handshake(self, request: AgentMessage, now: float) -> None:
        actions = _content(request).get("RequestedClientActions")
        if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
            raise NotUnderstood("a handshake without actions")
        processed = [_processed(action) for action in actions]
        self.unmet = [action["ActionType"] for action in processed if action["ActionStatus"] != _DONE]
        answer = {
            "ClientVersion": _CLIENT_VERSION,
            "ProcessedClientActions": processed,
            "Errors": [action["Error"] for action in processed if action["Error"]],
        }
        self._queue(PayloadType.HANDSHAKE_RESPONSE, json.dumps(answer).encode(), now)

    def _acknowledge(self, message: AgentMessage, now: float) -> None:
        content = {
            "AcknowledgedMessageType": message.message_type,
            "AcknowledgedMessageId": str(message.message_id),
            "AcknowledgedMessageSequenceNumber": message.sequence_number,
            "IsSequentialMessage": True,
        }
        acknowledgement = AgentMessage(
            MessageType.ACKNOWLEDGE, uuid4(), self._time(now), flags=ALONE, payload=json.dumps(content).encode()
        )
        self._acknowledgements.append(encode(acknowledgement))

    def _queue(self, payload_type: PayloadType, payload: bytes, now: float) -> None:
        message = AgentMessage(
            MessageType.INPUT,
            uuid4(),
            self._time(now),
            sequence_number=self._next,
            payload_type=payload_type,
            payload=payload,
        )
        self._outgoing.append(_Outgoing(self._next, encode(message)))
        self._next += 1

    def _time(self, now: float) -> int:
        return self._opened + int(now * 1000)


def opening(token: str) -> str:
    """Return the text that is sent before any message."""
    return json.dumps(
        {
            "MessageSchemaVersion": _SCHEMA_VERSION,
            "RequestId": str(uuid4()),
            "TokenValue": token,
            "ClientId": str(uuid4()),
            "ClientVersion": _CLIENT_VERSION,
        }
    )


def _processed(action: Mapping[str, Any]) -> dict[str, Any]:
    """Return what came of an action that the agent asks for."""
    name, parameters = str(action.get("ActionType")), action.get("ActionParameters")
    status, error = _UNSUPPORTED, f"Unsupported action {name}"
    if name == "SessionType" and isinstance(parameters, dict):
        known = parameters.get("SessionType") in _SESSION_TYPES
        status, error = (_DONE, "") if known else (_FAILED, f"Unknown session type {parameters.get('SessionType')}")
    return {"ActionType": name, "ActionStatus": status, "ActionResult": None, "Error": error}


def _content(message: AgentMessage) -> Mapping[str, Any]:
    try:
        content = json.loads(message.payload)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"the content of {message.message_type} is no JSON") from error
    if not isinstance(content, dict):
        raise NotUnderstood(f"the content of {message.message_type} is no object")
    return content
