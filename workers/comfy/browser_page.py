"""ComfyUI through its own page in a Chromium, to which other tools can attach.

Everything goes through the page, so that its credentials, its user and its connection are those of the browser. What it
may reach is ComfyUI and nothing else.
"""

import asyncio
import base64
import os
import re
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    HttpCredentials,
    Page,
    Playwright,
    WebSocket,
    async_playwright,
)
from yarl import URL

from workers.comfy import inputs as widget_inputs
from workers.comfy import page_scripts
from workers.comfy.connection import FILE_BYTES, FILE_SECONDS, REQUEST_SECONDS, Answer, Composed, FileMissing, Line
from workers.comfy.errors import (
    BrowserGone,
    ComfyRefused,
    ComfyUnreachable,
    ConfigInvalid,
    Invalid,
    NoWorkflow,
    PortTaken,
    Unreachable,
)
from workers.comfy.happenings import told
from workers.comfy.history import ResultFile
from workers.comfy.origin import ANSWER_SECONDS, answering_address, check_answer
from workers.comfy.plan import Plan
from workers.comfy.workflow import Workflow, missing_types, read_graph
from workers.flow import page_errors
from workers.flow.browser import (
    CHROMIUM_ARGUMENTS,
    FAREWELL_TIMEOUT_SECONDS,
    START_TIMEOUT_SECONDS,
    sandbox_arguments,
)
from workers.flow.errors import BrowserCrashed
from workers.processor_share import have_sessions_stand_back

# Taken when nobody asked for a port and it is free.
USUAL_PORT: Final = 9999
# For the first byte of the page, then for all of it: it is large, and the way to it may be slow.
GOTO_SECONDS: Final = 15.0
READY_SECONDS: Final = 60.0
# A large workflow on a busy machine.
LOAD_SECONDS: Final = 60.0
TITLE: Final = "switchyard"
NO_CHROMIUM: Final = (
    "this worker has no Chromium: install one (`make setup`, or the package chromium of its system), or set "
    "CHROMIUM_PATH to one"
)

T = TypeVar("T")


class BrowserPage:
    """The `workers.comfy.connection.Comfy` of a browser. Used as a context."""

    def __init__(self, plan: Plan, chromium_path: str | None, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        """`answer_seconds` is how long ComfyUI's API may take for its first answer."""
        self.line = Line()
        self.port: int | None = None
        self.endpoint = ""
        self.frontend_version = ""
        self._plan = plan
        self._chromium_path = chromium_path
        self._answer_seconds = answer_seconds
        self._resources = AsyncExitStack()
        self._gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._page: Page
        self._socket: WebSocket | None = None
        self._opened = False

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._resources.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    async def request(self, method: str, route: str, body: str | None = None) -> Answer:
        """Call ComfyUI's API from the page; see `Comfy.request`."""
        return _answer(*await self._evaluate(page_scripts.REQUEST, [method, route, body]))

    async def submit(self, fields: str) -> Answer:
        """Post a prompt from the page; see `Comfy.submit`."""
        return _answer(*await self._evaluate(page_scripts.SUBMIT, fields))

    async def open(self, workflow: Workflow) -> int:
        """Load `workflow` into the page; see `Comfy.open`."""
        types = list(workflow.nodes_by_type)
        known = await self._evaluate(page_scripts.KNOWN_TYPES, types)
        if missing := missing_types(workflow, known):
            raise Invalid(missing)
        self._opened = False
        load = page_scripts.LOAD_API if workflow.format == "api" else page_scripts.LOAD_UI
        count, mistake = await self._evaluate(load, workflow.text, seconds=LOAD_SECONDS)
        if mistake:
            raise Invalid(f"ComfyUI's page cannot load the workflow: {mistake:.300}")
        if count != workflow.node_count:
            raise Invalid(f"ComfyUI's page has loaded {count} of the {workflow.node_count} nodes of the workflow")
        self._opened = True
        return workflow.node_count

    async def compose(self, inputs: str) -> Composed:
        """Return what the page would send, with `inputs` in it; see `Comfy.compose`."""
        if not self._opened:
            raise NoWorkflow("no workflow is open")
        if self.line.away_since is not None:
            raise Unreachable("ComfyUI cannot be reached")
        prompt, workflow = await self._composed([])
        if not inputs:
            return Composed(prompt, workflow)
        changes = widget_inputs.changes_of(read_graph(prompt), inputs)
        prompt, workflow = await self._composed(changes)
        # Nodes within subgraphs are not at hand in the page; they are changed here.
        return Composed(widget_inputs.applied(read_graph(prompt), changes), workflow)

    async def save(self, file: ResultFile, path: Path) -> None:
        """Write a file of a prompt to `path`; see `Comfy.save`."""
        try:
            async with asyncio.timeout(FILE_SECONDS):
                await self._save(file, path)
        except TimeoutError as error:
            raise Unreachable(f"the file did not come within {FILE_SECONDS:g} s") from error
        except Error as error:
            raise self._failure(error) from error

    async def gone(self) -> str:
        """Return once the browser or its page is gone."""
        return await asyncio.shield(self._gone)

    async def _start(self) -> None:
        plan = self._plan
        # Playwright notes each browser that others can attach to; the note is nobody else's business.
        os.environ["PWTEST_SERVER_REGISTRY"] = tempfile.mkdtemp()
        finding = self._owned(answering_address(plan.url, plan.addresses))
        playwright = await self._resources.enter_async_context(async_playwright())
        address = await finding
        checking = self._owned(check_answer(plan.url, plan.addresses, plan.credentials, seconds=self._answer_seconds))
        browser = await self._launch(playwright, address)
        browser.on("disconnected", lambda _: self._lose("the browser has ended"))
        await self._bind(browser)
        await checking
        try:
            await self._show(await self._context(browser))
        except Error as error:
            raise self._start_failure(error) from error

    def _owned(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Return `work` as a task that ends with this connection."""
        task = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._resources.push_async_callback(end)
        return task

    async def _launch(self, playwright: Playwright, address: str) -> Browser:
        try:
            browser = await playwright.chromium.launch(
                executable_path=self._chromium_path,
                headless=self._plan.headless,
                args=[
                    *CHROMIUM_ARGUMENTS,
                    *sandbox_arguments(),
                    f"--host-resolver-rules={resolver_rules(self._plan.url, address)}",
                ],
                timeout=START_TIMEOUT_SECONDS * 1000,
                # Signals are for the process that runs us; it ends the browser in order.
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except Error as error:
            raise _launch_failure(error) from error
        self._resources.push_async_callback(_end, browser)
        await asyncio.to_thread(have_sessions_stand_back)
        return browser

    async def _bind(self, browser: Browser) -> None:
        """Let others attach, at a port of loopback and a path that nobody can guess."""
        wanted = self._plan.port
        for port in (USUAL_PORT, 0) if wanted is None else (wanted,):
            try:
                bound = await browser.bind(TITLE, host="127.0.0.1", port=port)
            except Error as error:
                if "EADDRINUSE" not in error.message:
                    raise BrowserGone(
                        f"nobody can attach to the browser: {page_errors.first_line(error.message)}"
                    ) from error
                await browser.unbind()
                continue
            self.endpoint = bound["endpoint"]
            self.port = URL(self.endpoint).port
            return
        raise PortTaken(f"port {wanted} is taken: somebody else listens there")

    async def _context(self, browser: Browser) -> BrowserContext:
        plan = self._plan
        origin = str(plan.url.origin())
        credentials: HttpCredentials | None = None
        if plan.credentials.header is not None:
            credentials = {
                "username": plan.credentials.username,
                "password": plan.credentials.password,
                "origin": origin,
            }
        context = await browser.new_context(
            http_credentials=credentials, service_workers="block", viewport={"width": 1280, "height": 800}
        )
        await context.route(elsewhere(plan.url), lambda route: route.abort("blockedbyclient"))
        await context.route_web_socket(elsewhere(plan.url), lambda socket: socket.close())
        return context

    async def _show(self, context: BrowserContext) -> None:
        """Open ComfyUI's page and return when it can be worked with."""
        self._page = page = await context.new_page()
        page.on("crash", lambda _: self._lose("its page has crashed"))
        page.on("close", lambda _: self._lose("its page was closed"))
        page.on("websocket", self._connect)
        response = await page.goto(self._plan.address, wait_until="commit", timeout=GOTO_SECONDS * 1000)
        if response is not None and response.status >= 400:
            raise ComfyUnreachable(f"ComfyUI has no page at its address: it answers with status {response.status}")
        await page.wait_for_function(page_scripts.READY, timeout=READY_SECONDS * 1000)
        self.frontend_version = str(await page.evaluate(page_scripts.VERSION))
        # Not "framenavigated": the page itself changes what stands behind the # of its address.
        page.on("domcontentloaded", lambda _: self._leave())

    def _connect(self, socket: WebSocket) -> None:
        """Follow the newest connection of the page to ComfyUI."""
        if URL(socket.url).path.endswith("/ws"):
            self._socket = socket
            socket.on("framereceived", lambda data: self._hear(socket, data))
            socket.on("close", lambda _: self._disconnect(socket))
            socket.on("socketerror", lambda _: self._disconnect(socket))

    def _hear(self, socket: WebSocket, data: str | bytes) -> None:
        if socket is not self._socket:
            return
        if self.line.away_since is not None:
            self.line.open()
        if isinstance(data, str) and (said := told(data)) is not None:
            self.line.hear(said)

    def _disconnect(self, socket: WebSocket) -> None:
        if socket is self._socket:
            self.line.lose()

    def _leave(self) -> None:
        """Note that the page is loaded anew: what was open in it is no longer."""
        self._opened = False

    def _lose(self, reason: str) -> None:
        if not self._gone.done():
            self._gone.set_result(reason)

    async def _composed(self, changes: Sequence[widget_inputs.Change]) -> Sequence[str]:
        prompt, workflow, mistake = await self._evaluate(
            page_scripts.COMPOSE, [[change.node_id, change.widget, change.value] for change in changes]
        )
        if mistake:
            raise Invalid(f"ComfyUI's page cannot compose the prompt: {mistake:.300}")
        return prompt, workflow

    async def _save(self, file: ResultFile, path: Path) -> None:
        transfer = await self._page.evaluate_handle(page_scripts.BEGIN_FILE, dict(file.query))
        try:
            status = await transfer.evaluate("transfer => transfer.status")
            if status != 200:
                raise FileMissing(f"ComfyUI answers with status {status}") if status else Unreachable("no answer")
            with await asyncio.to_thread(path.open, "wb") as target:
                while piece := await transfer.evaluate(page_scripts.NEXT_PIECE):
                    await asyncio.to_thread(target.write, base64.b64decode(piece))
                    if target.tell() > FILE_BYTES:
                        raise FileMissing("it is larger than 1 GiB")
        finally:
            await transfer.evaluate(page_scripts.END_FILE)
            await transfer.dispose()

    async def _evaluate(self, script: str, argument: object = None, *, seconds: float = REQUEST_SECONDS) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await self._page.evaluate(script, argument)
        except TimeoutError as error:
            raise Unreachable(f"ComfyUI's page gave no answer within {seconds:g} s") from error
        except Error as error:
            raise self._failure(error) from error

    def _failure(self, error: Error) -> Exception:
        """Return what a failure of the page means: the browser is gone, or the page does not do what it should now."""
        failure = page_errors.failure(error.message, selector=None, timeout_seconds=REQUEST_SECONDS, timed_out=False)
        if self._gone.done() or isinstance(failure, BrowserCrashed):
            return BrowserGone("the browser or its page is gone")
        return Unreachable(f"ComfyUI's page does not answer: {failure.reason}")

    def _start_failure(self, error: Error) -> Exception:
        origin = self._plan.url.origin()
        if self._gone.done():
            return BrowserGone(self._gone.result())
        if "net::ERR_INVALID_AUTH_CREDENTIALS" in error.message:
            return ComfyRefused(f"ComfyUI at {origin} does not let the browser in")
        reason = page_errors.failure(
            error.message, selector=None, timeout_seconds=READY_SECONDS, timed_out=False
        ).reason
        return ComfyUnreachable(f"ComfyUI's page at {origin} does not open: {reason}")


def resolver_rules(url: URL, address: str) -> str:
    """Return the rules by which Chromium finds the host of `url` at `address`, and no other host at all.

    Source: `--host-resolver-rules` in Chromium's net/base/host_mapping_rules.h: the first that fits counts.
    """
    host = url.raw_host or ""
    if ":" in host:  # an IPv6 address; a rule cannot map one, only leave it alone
        return f"MAP * ~NOTFOUND, EXCLUDE {host}"
    return f"MAP {host} {f'[{address}]' if ip_address(address).version == 6 else address}, MAP * ~NOTFOUND"


def elsewhere(url: URL) -> re.Pattern[str]:
    """Return what fits every address of HTTP and WebSockets that is not of the origin of `url`."""
    scheme, host, port = url.scheme, re.escape(url.host_subcomponent or ""), url.port
    # A browser leaves out the port that goes without saying.
    shown_port = f"(:{port})?" if url.is_default_port() else f":{port}"
    ours = f"(http|ws){'s' if scheme == 'https' else ''}://{host}{shown_port}(/|$|[?#])"
    return re.compile(f"^(?!{ours})(http|ws)s?:", re.IGNORECASE)


def _launch_failure(error: Error) -> ConfigInvalid | BrowserGone:
    if page_errors.is_missing(error.message):
        return ConfigInvalid(NO_CHROMIUM)
    failure = page_errors.start_failure(error.message)
    return (ConfigInvalid if failure.error_type == "ConfigInvalid" else BrowserGone)(failure.reason)


def _answer(status: int, text: str) -> Answer:
    if status == 0:
        raise Unreachable("ComfyUI cannot be reached")
    return Answer(status, text)


async def _end(browser: Browser) -> None:
    # A browser that does not end in time is ended with the driver, which is closed next.
    with suppress(Error, TimeoutError):
        await asyncio.wait_for(browser.close(), FAREWELL_TIMEOUT_SECONDS)
