"""The Session Manager, and the agent in a container at the other end of its sessions.

It writes and reads messages by itself, with nothing of the code under test. All that the protocol allows happens in
every session: output comes in small pieces, some of them twice, and some before the one that they follow. What the
client does that it must not is noted in `complaints`. Source: https://github.com/aws/amazon-ssm-agent, agent/session.
"""

import asyncio
import hashlib
import json
import re
import secrets
import shlex
import shutil
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from aiohttp import WSMsgType, web

from tests.clouds.terminal import Terminal
from tests.patience import PATIENCE
from workers.environments.provider import WORKSPACE

_PATH: Final = "/v1/data-channel"
_PIECE: Final = 100
_REPEAT_SECONDS: Final = 0.05
_HEADER: Final = 116
_OUTPUT, _HANDSHAKE_REQUEST, _HANDSHAKE_RESPONSE, _HANDSHAKE_COMPLETE = 1, 5, 6, 7


class Wrong(StrEnum):
    """What goes wrong in every session from now on, or is not as it mostly is."""

    SILENT = "silent"  # nothing ever comes
    DAMAGED = "damaged"  # each message of output comes with a wrong digest first
    NOT_READY = "not ready"  # the first that is typed comes before its terminal is ready, and is not acknowledged
    PAUSED = "paused"  # what is typed first gets lost, as the service pauses
    HANDSHAKE = "handshake"  # the agent asks what session this is
    ENCRYPTED = "encrypted"  # it asks for a key too
    NO_PROGRAM = "no program"  # the container has no shell


@dataclass(frozen=True, slots=True)
class _Offer:
    task: str
    token: str
    command: str
    variables: Mapping[str, str]
    folder: Path


@dataclass(slots=True)
class SessionManager:
    """Sessions: each is offered, opened once, and goes on until its program ends, whoever watches."""

    wrong: Wrong | None = None
    complaints: list[str] = field(default_factory=list)
    agents: "set[_Agent]" = field(default_factory=set)
    _offers: dict[str, _Offer] = field(default_factory=dict)
    _folders: dict[str, Path] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """Return the route of all sessions."""
        return [web.get(f"{_PATH}/{{session}}", self._serve)]

    def offer(self, task: str, command: str, variables: Mapping[str, str], host: str) -> Mapping[str, str]:
        """Return a new session in a task, as ECS tells of it; `host` is where it can be opened."""
        name, token = f"ecs-execute-command-{secrets.token_hex(8)}", secrets.token_urlsafe(32)
        self._offers[name] = _Offer(task, token, command, variables, self._folder(task))
        address = f"ws://{host}{_PATH}/{name}?role=publish_subscribe"
        return {"sessionId": name, "streamUrl": address, "tokenValue": token}

    def cut(self) -> None:
        """Break off all connections."""
        for agent in self.agents:
            agent.hang_up()

    async def lose(self, task: str) -> None:
        """End what runs in a task, and say nothing to those who watch."""
        for agent in list(self.agents):
            if agent.task == task:
                await agent.vanish()

    async def close(self, words: str) -> None:
        """Close all sessions, as the service does with those that are idle."""
        for agent in list(self.agents):
            await agent.close(words)

    async def reset(self) -> None:
        """End all sessions, and forget everything."""
        for agent in list(self.agents):
            await agent.vanish()
            agent.hang_up()
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        for kept in (self.complaints, self.agents, self._offers, self._folders):
            kept.clear()
        self.wrong = None

    def _folder(self, task: str) -> Path:
        """Return what stands for the file system of a task."""
        if task not in self._folders:
            self._folders[task] = Path(tempfile.mkdtemp(prefix="stand-in-task-"))
            (self._folders[task] / "workspace").mkdir()
        return self._folders[task]

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        offer = self._offers.pop(request.match_info["session"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if not self._is_opening(await socket.receive_json(), offer.token):
            await socket.close(code=1008)
        elif self.wrong is Wrong.SILENT:
            await socket.receive()
        else:
            await self._work(_Agent(self, request, socket, offer))
        return socket

    async def _work(self, agent: "_Agent") -> None:
        self.agents.add(agent)
        try:
            await agent.run()
        finally:
            self.agents.discard(agent)

    def _is_opening(self, opening: Mapping[str, Any], token: str) -> bool:
        names = {"MessageSchemaVersion", "RequestId", "TokenValue", "ClientId", "ClientVersion"}
        if set(opening) == names and opening["MessageSchemaVersion"] == "1.0" and opening["TokenValue"] == token:
            return True
        self.complaints.append(f"an opening of {sorted(opening)}")
        return False


class _Agent:
    """The agent, in one session."""

    def __init__(
        self, manager: SessionManager, request: web.Request, socket: web.WebSocketResponse, offer: _Offer
    ) -> None:
        self.task = offer.task
        self._manager = manager
        self._request = request
        self._socket = socket
        self._offer = offer
        self._terminal: Terminal | None = None
        self._number = 0
        self._unacknowledged: dict[int, bytes] = {}
        self._held_back: bytes | None = None
        self._expected = 0
        self._early: dict[int, dict[str, Any]] = {}
        self._typed = b""
        self._wrong = manager.wrong
        self._handshake: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._showing = asyncio.create_task(self._show())

    async def run(self) -> None:
        """Run the program to its end, also when nobody watches any more."""
        watched = asyncio.create_task(self._listen())
        repeating = asyncio.create_task(self._repeat())
        try:
            await asyncio.wait({self._showing})
            if not self._showing.cancelled():
                await self.close(self._showing.result())
            await asyncio.wait({watched}, timeout=PATIENCE)
        finally:
            watched.cancel()
            repeating.cancel()
            await self.vanish()

    async def vanish(self) -> None:
        """End the program, and say nothing."""
        self._showing.cancel()
        await asyncio.wait({self._showing})
        terminal, self._terminal = self._terminal, None
        if terminal is not None:
            await terminal.end()

    async def close(self, words: str) -> None:
        """Tell the client that the session is over."""
        content = {"MessageType": "channel_closed", "SchemaVersion": 1, "Output": words}
        await self._send(_message("channel_closed", json.dumps(content).encode()))

    def hang_up(self) -> None:
        """Break off the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _show(self) -> str:
        """Hand over what the program shows; return what the service says at the end."""
        # The digest of what has no content is none.
        await self._send(_message("start_publication", digest=bytes(32)))
        if self._wrong in (Wrong.HANDSHAKE, Wrong.ENCRYPTED) and not await self._shake_hands():
            return "----------ERROR-------\nEncountered error while initiating handshake."
        if self._wrong is Wrong.NO_PROGRAM:
            return "----------ERROR-------\nUnable to start command: no such file or directory"
        program = shlex.split(self._offer.command)
        self._terminal = await Terminal.start(program, variables=self._offer.variables, folder=self._offer.folder)
        while shown := await self._terminal.shown():
            for start in range(0, len(shown), _PIECE):
                await self._say(_OUTPUT, shown[start : start + _PIECE])
        await self._wait_for_acknowledgements()
        return ""

    async def _shake_hands(self) -> bool:
        actions: list[dict[str, Any]] = [
            {
                "ActionType": "SessionType",
                "ActionParameters": {"SessionType": "InteractiveCommands", "Properties": None},
            }
        ]
        if self._wrong is Wrong.ENCRYPTED:
            key = {"KMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/1"}
            actions.append({"ActionType": "KMSEncryption", "ActionParameters": key})
        request = {"AgentVersion": "3.3.0.0", "RequestedClientActions": actions}
        await self._say(_HANDSHAKE_REQUEST, json.dumps(request).encode())
        answer = await asyncio.wait_for(self._handshake, PATIENCE)
        done = [action["ActionType"] for action in answer["ProcessedClientActions"] if action["ActionStatus"] == 1]
        if done != [action["ActionType"] for action in actions]:
            return False
        complete = {"HandshakeTimeToComplete": 1000, "CustomerMessage": ""}
        await self._say(_HANDSHAKE_COMPLETE, json.dumps(complete).encode())
        return True

    async def _say(self, payload_type: int, payload: bytes) -> None:
        number, self._number = self._number, self._number + 1
        flags = 1 if number == 0 else 0
        message = _message("output_stream_data", payload, number=number, flags=flags, payload_type=payload_type)
        self._unacknowledged[number] = message
        if self._wrong is Wrong.DAMAGED:
            await self._send(message[:80] + bytes(32) + message[112:])
        elif number % 4 == 2:
            self._held_back = message
        else:
            await self._send(message)
            if number % 3 == 0:
                await self._send(message)
            held_back, self._held_back = self._held_back, None
            if held_back is not None:
                await self._send(held_back)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(_REPEAT_SECONDS)
            for message in list(self._unacknowledged.values())[:20]:
                await self._send(message)

    async def _wait_for_acknowledgements(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._unacknowledged and not self._socket.closed:
                    await asyncio.sleep(_REPEAT_SECONDS)

    async def _listen(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.BINARY:
                await self._hear(message.data)
            else:
                self._manager.complaints.append("a message that is not binary")

    async def _hear(self, data: bytes) -> None:
        message = _read(data)
        if message["header"] != _HEADER or hashlib.sha256(message["payload"]).digest() != message["digest"]:
            self._manager.complaints.append(f"a damaged {message['type']}")
        elif message["type"] == "acknowledge":
            self._take_acknowledgement(message)
        elif message["type"] == "input_stream_data":
            await self._take_input(message)
        else:
            self._manager.complaints.append(f"a message of type {message['type']!r}")

    def _take_acknowledgement(self, message: Mapping[str, Any]) -> None:
        content = json.loads(message["payload"])
        number = content["AcknowledgedMessageSequenceNumber"]
        sent = self._unacknowledged.pop(number, None)
        expected = {
            "AcknowledgedMessageType": "output_stream_data",
            "AcknowledgedMessageId": content["AcknowledgedMessageId"] if sent is None else str(_read(sent)["id"]),
            "AcknowledgedMessageSequenceNumber": number,
            "IsSequentialMessage": True,
        }
        if content != expected or message["flags"] != 3 or number >= self._number:
            self._manager.complaints.append(f"an acknowledgement of {content}")

    async def _take_input(self, message: dict[str, Any]) -> None:
        if self._wrong is Wrong.NOT_READY and message["number"] == 0:
            self._wrong = None
            return
        if self._wrong is Wrong.PAUSED:
            self._wrong = None
            await self._send(_message("pause_publication", digest=bytes(32)))
            await asyncio.sleep(_REPEAT_SECONDS)
            await self._send(_message("start_publication", digest=bytes(32)))
            return
        # What has come before is thrown away without an acknowledgement.
        if message["number"] < self._expected:
            return
        self._early[message["number"]] = message
        await self._acknowledge(message)
        while self._expected in self._early:
            await self._heed(self._early.pop(self._expected))
            self._expected += 1

    async def _heed(self, message: Mapping[str, Any]) -> None:
        if message["payload type"] == _HANDSHAKE_RESPONSE:
            self._handshake.set_result(json.loads(message["payload"]))
        if message["payload type"] == _OUTPUT and self._terminal is not None:
            await self._type(self._terminal, message["payload"])

    async def _type(self, terminal: Terminal, typed: bytes) -> None:
        """Type whole lines, with our folder in place of that which only a container has."""
        whole = re.match(rb"(?:.*[\n\x03])?", self._typed + typed, re.DOTALL)
        assert whole is not None
        self._typed = (self._typed + typed)[whole.end() :]
        ours = str(self._offer.folder / "workspace").encode()
        with suppress(OSError):  # its program has ended
            await terminal.type(whole.group().replace(WORKSPACE.encode(), ours))

    async def _acknowledge(self, message: Mapping[str, Any]) -> None:
        content = {
            "AcknowledgedMessageType": message["type"],
            "AcknowledgedMessageId": str(message["id"]),
            "AcknowledgedMessageSequenceNumber": message["number"],
            "IsSequentialMessage": True,
        }
        await self._send(_message("acknowledge", json.dumps(content).encode(), flags=3))

    async def _send(self, data: bytes) -> None:
        with suppress(ConnectionError):
            await self._socket.send_bytes(data)


def _message(
    kind: str,
    payload: bytes = b"",
    *,
    number: int = 0,
    flags: int = 0,
    payload_type: int = 0,
    digest: bytes | None = None,
) -> bytes:
    identity = uuid.uuid4().bytes
    fields = [
        _HEADER.to_bytes(4, "big"),
        kind.encode().ljust(32, b" " if kind.endswith("data") else b"\0"),
        (1).to_bytes(4, "big"),
        int(time.time() * 1000).to_bytes(8, "big"),
        number.to_bytes(8, "big", signed=True),
        flags.to_bytes(8, "big"),
        identity[8:],
        identity[:8],
        digest or hashlib.sha256(payload).digest(),
        payload_type.to_bytes(4, "big"),
        len(payload).to_bytes(4, "big"),
    ]
    return b"".join([*fields, payload])


def _read(data: bytes) -> dict[str, Any]:
    return {
        "header": int.from_bytes(data[:4], "big"),
        "type": data[4:36].decode().rstrip(),
        "number": int.from_bytes(data[48:56], "big", signed=True),
        "flags": int.from_bytes(data[56:64], "big"),
        "id": uuid.UUID(bytes=data[72:80] + data[64:72]),
        "digest": data[80:112],
        "payload type": int.from_bytes(data[112:116], "big"),
        "payload": data[120 : 120 + int.from_bytes(data[116:120], "big")],
    }
