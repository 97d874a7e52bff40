"""What Playwright says, in plain words."""

import pytest

from workers.flow.page_errors import Sight, failure

LATE = "Locator.click: Timeout 300ms exceeded.\nCall log:\n  - waiting for locator('#dark')\n"
FOUND = LATE + "    - locator resolved to <input disabled>\n    - element is not enabled\n"


@pytest.mark.parametrize(
    ("message", "sight", "words"),
    [
        (LATE, None, "nothing matched '#dark' within 0.3 s"),
        (FOUND, None, "'#dark' was there but could not be used within 0.3 s: it is disabled"),
        # The time was over before Playwright had looked; a second look found the element.
        (
            LATE,
            Sight(visible=True, enabled=False),
            "'#dark' was there but could not be used within 0.3 s: it is disabled",
        ),
        (LATE, Sight(visible=False, enabled=False), "could not be used within 0.3 s: it is not visible"),
        (LATE, Sight(visible=True, enabled=True), "'#dark' was there but could not be used within 0.3 s"),
    ],
)
def test_an_element_that_was_there_is_not_told_as_missing(message: str, sight: Sight | None, words: str) -> None:
    error = failure(message, selector="#dark", timeout_seconds=0.3, timed_out=True, sight=sight)

    assert error.reason.endswith(words)
