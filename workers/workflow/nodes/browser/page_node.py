"""What all nodes that work on a page have in common: inputs, the page, errors in plain words, what is told of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from workers.flow.browser import Browser
from workers.flow.errors import AddressRefused, ConfigInvalid, FlowError
from workers.flow.plain_words import in_plain_words
from workers.workflow.errors import NodeFailed, NotAllowed
from workers.workflow.nodes.browser.tabs import RunBrowser
from workers.workflow.registry import Given, Input, NodeType, Output
from workers.workflow.step import Step

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

CATEGORY: Final = "browser"

LONGEST_SECONDS: Final = 3600.0
# How long a node may take beyond its own time before the browser counts as hung.
GRACE_SECONDS: Final = 20.0
_RETRY_LIMIT: Final = 100

# The name of a tab; another node's output `page`.
PAGE: Final = Input("page", "text", aliases=("tab_id", "page_id"))
TIMEOUT: Final = Input("timeout", "number", default=30_000, aliases=("timeout_ms",))
SELECTOR: Final = Input(
    "selector", "text", required=True, aliases=("element_selector", "css_selector", "xpath", "element", "locator")
)
# Whether exactly one element must match; else the first one is taken.
STRICT: Final = Input("strict", "boolean", default=False)
# The variable that the first output is kept in.
VARIABLE: Final = Input("variable_name", "text", default="")
_COMMON: Final = (
    PAGE,
    TIMEOUT,
    Input("retry_count", "integer", default=0, aliases=("retries",)),
    Input("retry_interval", "number", default=1000, aliases=("retry_delay", "retry_interval_ms")),
    Input("screenshot_on_failure", "boolean", default=False, aliases=("screenshot_on_fail", "screenshot_on_error")),
)
PAGE_OUTPUT: Final = Output("page", "text", aliases=("tab_id",))


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a node works."""

    step: Step
    run: RunBrowser
    browser: Browser
    page: "Page"
    # The time it has.
    seconds: float

    @property
    def timeout(self) -> float:
        """The time it has in milliseconds, as Playwright wants it."""
        return self.seconds * 1000

    def element(self, given: Given) -> "Locator":
        """Return what the input `selector` means."""
        found = self.page.locator(given["selector"])
        return found if given["strict"] else found.first


Act: TypeAlias = Callable[[Given, Spot], Awaitable[Mapping[str, Any]]]
# Type and details of the event that telemetry hears of. Never what is typed.
Event: TypeAlias = Callable[[Given], tuple[str, Mapping[str, object]]]


async def _nothing(_given: Given, _step: Step) -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Work:
    """What one type of node does."""

    act: Act
    event: Event | None
    before: Callable[[Given, Step], Awaitable[None]]
    only_looks: bool

    async def run(self, given: Given, step: Step) -> Mapping[str, Any]:
        """Do it, again after a failure if the node is configured so. Raises NodeFailed."""
        for left in range(max(0, min(given["retry_count"], _RETRY_LIMIT)), -1, -1):
            try:
                async with plainly(step):
                    return await self._once(given, step)
            except NodeFailed as failure:
                if left == 0 or not failure.retryable:
                    if given["screenshot_on_failure"]:
                        await step.of_run(RunBrowser).picture(given["page"])
                    raise
                step.log("warning", f"{step.node.id}: {failure.reason}; it is tried again.")
            await asyncio.sleep(max(0.0, given["retry_interval"] / 1000))
        raise AssertionError("the last try returns or raises")

    async def _once(self, given: Given, step: Step) -> Mapping[str, Any]:
        await self.before(given, step)
        run = step.of_run(RunBrowser)
        page = await run.page(given["page"])
        spot = Spot(step, run, await run.open(), page, seconds_of(given))
        if not self.only_looks:
            run.act(page)
        async with _in_time(spot), in_plain_words(seconds=spot.seconds, selector=given.get("selector"), page=page):
            found = await self.act(given, spot)
        if not page.is_closed():  # nothing is told of a page that has moved where it may not be
            await spot.browser.check_page(page)
        if given.get("variable_name"):
            step.set(given["variable_name"], next(iter(found.values())))
        if self.event is not None:
            step.host.browser_event(*self.event(given))
        return found if "page" in found else {**found, "page": run.name(page)}


def page_node(
    name: str,
    description: str,
    act: Act,
    *,
    inputs: tuple[Input, ...] = (),
    outputs: tuple[Output, ...] = (),
    aliases: tuple[str, ...] = (),
    event: Event | None = None,
    before: Callable[[Given, Step], Awaitable[None]] = _nothing,
    only_looks: bool = False,
) -> NodeType:
    """Return a type of node that does `act` on a page and has the common inputs besides its own.

    `before` is asked before a browser is started. `only_looks` tells that nothing on the page moves because of it.
    """
    work = _Work(act, event, before, only_looks)
    common = tuple(one for one in _COMMON if one.name not in {own.name for own in inputs})
    told = outputs if any(one.name == "page" for one in outputs) else (*outputs, PAGE_OUTPUT)
    return NodeType(name, CATEGORY, description, work.run, inputs=(*inputs, *common), outputs=told, aliases=aliases)


@asynccontextmanager
async def plainly(step: Step) -> AsyncIterator[None]:
    """Let a node fail by what goes wrong inside, and tell it of the browser.

    Raises:
        NodeFailed: what Playwright or the browser said, in plain words.
    """
    try:
        async with in_plain_words(seconds=LONGEST_SECONDS):
            yield
    except FlowError as error:
        _tell(step, error.error_type, error.reason)
        final = isinstance(error, AddressRefused | ConfigInvalid)
        kind = NotAllowed if final else NodeFailed
        raise kind(error.reason, error_type=error.error_type) from error
    except NodeFailed as failure:
        _tell(step, failure.error_type, failure.reason)
        raise


def seconds_of(given: Given) -> float:
    """Return the time a node has; 0 ms stand for the longest there is."""
    milliseconds = given["timeout"]
    if milliseconds < 0:
        raise NodeFailed("its input 'timeout' must not be negative")
    return min(milliseconds / 1000 or LONGEST_SECONDS, LONGEST_SECONDS)


@asynccontextmanager
async def _in_time(spot: Spot) -> AsyncIterator[None]:
    limit = spot.seconds + GRACE_SECONDS
    try:
        async with asyncio.timeout(limit):
            yield
    except TimeoutError as error:
        raise NodeFailed(f"the browser did not answer within {limit:g} s", error_type="Timeout") from error


def _tell(step: Step, error_type: str, reason: str) -> None:
    if step.of_run(RunBrowser).started:
        details = {"error_type": error_type, "message": reason[:500], "node": step.node.id}
        step.host.browser_event("error", details)
