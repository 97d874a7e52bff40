"""Turns what Playwright raises into errors whose words a workflow's author understands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from workers.flow import page_errors
from workers.flow.page_errors import Sight

if TYPE_CHECKING:
    from playwright.async_api import Page

# A second look is worth no more than this.
_LOOK_SECONDS: Final = 2.0
_LOOK: Final = """found => found.length ? {
    visible: found[0].checkVisibility({checkVisibilityCSS: true}) && found[0].getClientRects().length > 0,
    enabled: !found[0].matches(':disabled'),
} : null"""


@asynccontextmanager
async def in_plain_words(
    *, seconds: float, selector: str | None = None, page: "Page | None" = None
) -> AsyncIterator[None]:
    """Turn what Playwright raises inside into an error of ours.

    `seconds` is the time the step had. `selector` is what the step looks for. With `page`, an element that was not
    found in time is looked for once more: on a busy machine the time may be over before the browser has looked at all.

    Raises:
        StepFailed: the page did not do what the step wanted.
        BrowserCrashed: there is no page any more.
    """
    from playwright.async_api import Error
    from playwright.async_api import TimeoutError as TooLate

    try:
        yield
    except Error as error:
        late = isinstance(error, TooLate)
        sight = None
        if late and selector is not None and page is not None and not page_errors.says_it_was_there(error.message):
            sight = await _look(page, selector)
        raise page_errors.failure(
            error.message, selector=selector, timeout_seconds=seconds, timed_out=late, sight=sight
        ) from error


async def _look(page: "Page", selector: str) -> Sight | None:
    from playwright.async_api import Error

    try:
        seen = await asyncio.wait_for(page.locator(selector).evaluate_all(_LOOK), _LOOK_SECONDS)
    except (Error, TimeoutError):
        return None
    return None if seen is None else Sight(**seen)
