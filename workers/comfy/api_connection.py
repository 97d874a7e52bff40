"""ComfyUI through its API alone: no browser, and workflows in the format of the API only."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

import aiohttp

from workers.comfy import inputs as widget_inputs
from workers.comfy.connection import FILE_BYTES, FILE_SECONDS, REQUEST_SECONDS, Answer, Composed, FileMissing, Line
from workers.comfy.errors import Invalid, NoWorkflow, Unreachable
from workers.comfy.happenings import told
from workers.comfy.history import ResultFile
from workers.comfy.origin import ANSWER_SECONDS, api_route, check_answer, client
from workers.comfy.plan import Plan
from workers.comfy.workflow import Workflow, missing_types, read_graph

PIECE_BYTES: Final = 256 * 1024
# A preview of an image comes in one message.
MESSAGE_BYTES: Final = 64 * 1024 * 1024
# A connection that died without a word is noticed by then.
HEARTBEAT_SECONDS: Final = 20.0
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 1.0


class ApiConnection:
    """The `workers.comfy.connection.Comfy` of direct mode. Used as a context."""

    def __init__(self, plan: Plan, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        """`answer_seconds` is how long the first answer may take."""
        self.line = Line()
        self._url = plan.url
        self._plan = plan
        self._answer_seconds = answer_seconds
        self._client_id = uuid4().hex
        self._workflow: Workflow | None = None
        # Types that ComfyUI knows; it may know others after a restart.
        self._types: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        await check_answer(self._url, self._plan.addresses, self._plan.credentials, seconds=self._answer_seconds)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=REQUEST_SECONDS)
        self._session = client(self._url, self._plan.addresses, self._plan.credentials, timeout)
        connected = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(connected))
        await connected.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        await self._session.close()

    async def request(self, method: str, route: str, body: str | None = None) -> Answer:
        """Call ComfyUI's API; see `Comfy.request`."""
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                self._session.request(
                    method,
                    api_route(self._url, route),
                    data=None if body is None else body.encode(),
                    headers={"Content-Type": "application/json"},
                    allow_redirects=False,
                ) as response,
            ):
                return Answer(response.status, await response.text(errors="replace"))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"ComfyUI cannot be reached: {type(error).__name__}") from error

    async def submit(self, fields: str) -> Answer:
        """Post a prompt; see `Comfy.submit`."""
        return await self.request("POST", "/prompt", f'{{"client_id":"{self._client_id}",{fields}}}')

    async def open(self, workflow: Workflow) -> int:
        """Remember `workflow`; see `Comfy.open`."""
        if workflow.format != "api":
            raise Invalid("a session in mode api takes workflows in the format of ComfyUI's API only: export it so")
        self._types = self._types or frozenset((await self.request("GET", "/object_info")).json())
        if missing := missing_types(workflow, self._types):
            raise Invalid(missing)
        self._workflow = workflow
        return workflow.node_count

    async def compose(self, inputs: str) -> Composed:
        """Return the workflow with `inputs` in it; see `Comfy.compose`."""
        if self._workflow is None:
            raise NoWorkflow("no workflow is open")
        graph = read_graph(self._workflow.text)
        return Composed(widget_inputs.applied(graph, widget_inputs.changes_of(graph, inputs)), "")

    async def save(self, file: ResultFile, path: Path) -> None:
        """Write a file of a prompt to `path`; see `Comfy.save`."""
        address = api_route(self._url, "/view").with_query(file.query)
        try:
            async with (
                asyncio.timeout(FILE_SECONDS),
                self._session.get(address, allow_redirects=False) as response,
            ):
                if response.status != 200:
                    raise FileMissing(f"ComfyUI answers with status {response.status}")
                with await asyncio.to_thread(path.open, "wb") as target:
                    async for piece in response.content.iter_chunked(PIECE_BYTES):
                        await asyncio.to_thread(target.write, piece)
                        if target.tell() > FILE_BYTES:
                            raise FileMissing("it is larger than 1 GiB")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"ComfyUI cannot be reached: {type(error).__name__}") from error

    async def gone(self) -> str:
        """Never return: there is nothing here that could go away by itself."""
        return await asyncio.Future()

    async def _listen(self, connected: asyncio.Event) -> None:
        """Read ComfyUI's messages, over one connection after the other."""
        pause = FIRST_PAUSE
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with self._websocket() as websocket:
                    pause = FIRST_PAUSE
                    self._types = frozenset()
                    self.line.open()
                    connected.set()
                    await self._hear(websocket)
            self.line.lose()
            connected.set()
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _websocket(self) -> "aiohttp.client._WSRequestContextManager":
        address = self._url.origin().join(self._url.with_path(f"{self._url.path.rstrip('/')}/ws"))
        return self._session.ws_connect(
            address.with_query(clientId=self._client_id), heartbeat=HEARTBEAT_SECONDS, max_msg_size=MESSAGE_BYTES
        )

    async def _hear(self, websocket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        async for message in websocket:
            if message.type == aiohttp.WSMsgType.TEXT and (said := told(message.data)) is not None:
                self.line.hear(said)
