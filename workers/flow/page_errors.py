"""What Playwright says, in plain words. Pure: texts in, errors out."""

import re
from typing import Final, NamedTuple

from workers.flow.errors import BrowserCrashed, ConfigInvalid, FlowError, StepFailed

# Playwright's call log names what kept a matched element from being used. The last of these that shows is the reason.
_OBSTACLES: Final = (
    (re.compile(r"element is not visible"), "it is not visible"),
    (re.compile(r"element is not enabled"), "it is disabled"),
    (re.compile(r"element is not editable"), "it cannot be edited"),
    (re.compile(r"element is not stable"), "it keeps moving"),
    (re.compile(r"intercepts pointer events"), "something lies on top of it"),
    (re.compile(r"did not find some options"), "it has no such option"),
)
_GONE: Final = (
    "Target page, context or browser has been closed",
    "Target crashed",
    "Page crashed",
    "Browser has been closed",
    "Connection closed",
    "Browser closed",
)
_NETWORK: Final = re.compile(r"net::(ERR_[A-Z_]+)")
_NETWORK_WORDS: Final = {
    "ERR_CONNECTION_REFUSED": "nothing answers there",
    "ERR_NAME_NOT_RESOLVED": "there is no such host",
    "ERR_ADDRESS_UNREACHABLE": "the host cannot be reached",
    "ERR_INTERNET_DISCONNECTED": "there is no network",
    "ERR_CONNECTION_TIMED_OUT": "the host does not answer",
    "ERR_CONNECTION_RESET": "the connection was cut",
    "ERR_EMPTY_RESPONSE": "the answer was empty",
    "ERR_TOO_MANY_REDIRECTS": "it redirects in a circle",
    "ERR_CERT_AUTHORITY_INVALID": "its certificate is not trusted",
    "ERR_INVALID_AUTH_CREDENTIALS": "it wants a user name and password",
    "ERR_HTTP_RESPONSE_CODE_FAILURE": "it answered with an error and no page",
    "ERR_ABORTED": "the page was not loaded: it may be a download, or the browser went elsewhere",
}
_STRICT: Final = re.compile(r"strict mode violation: .* resolved to (\d+) elements")
_SELECTOR: Final = re.compile(
    r"while parsing (?:css )?selector|Unknown engine|is not a valid (?:XPath|selector)"
    r"|Malformed selector|Unexpected (?:token|end)"
)


class Sight(NamedTuple):
    """How the first match of a selector was found when it was looked at once more."""

    visible: bool
    enabled: bool


def failure(
    message: str, *, selector: str | None, timeout_seconds: float, timed_out: bool, sight: Sight | None = None
) -> FlowError:
    """Return the error for what Playwright said of a step.

    `message` is Playwright's text with its call log. `selector` is what the step looked for, None if nothing. `sight`
    is what a second look found, None if nothing or if there was none.
    """
    if any(words in message for words in _GONE):
        return BrowserCrashed("the browser or its page is gone")
    if selector is not None and _SELECTOR.search(message):
        return StepFailed(f"{selector!r} is not a selector: {first_line(message)}")
    many = _STRICT.search(message)
    if many:
        return StepFailed(f"{selector!r} matches {many[1]} elements; it must match one")
    if is_download(message):
        return StepFailed("a file came instead of a page")
    network = _NETWORK.search(message)
    if network:
        return StepFailed(f"{_NETWORK_WORDS.get(network[1], 'the page could not be loaded')} ({network[1]})")
    if timed_out:
        return StepFailed(_late(message, selector, timeout_seconds, sight))
    return StepFailed(first_line(message))


def start_failure(message: str) -> FlowError:
    """Return the error for a browser that does not start."""
    if "XServer" in message or "DISPLAY" in message:
        return ConfigInvalid("'headless: false' needs a screen, and this worker has none")
    if "Invalid timezone" in message or "Unsupported time zone" in message:
        return ConfigInvalid("the browser does not know the time zone")
    if is_missing(message):
        return BrowserCrashed("there is no browser to start; `switchyard doctor` says what to do")
    return BrowserCrashed(f"the browser does not start: {first_line(message)}")


def is_missing(message: str) -> bool:
    """Tell whether a browser does not start because there is none."""
    return "executable doesn't exist" in message.lower() or "ENOENT" in message


def is_download(message: str) -> bool:
    """Tell whether an address was not opened because it leads to a file."""
    return "Download is starting" in message


def says_it_was_there(message: str) -> bool:
    """Tell whether Playwright had found the element before the time was over."""
    return "resolved to" in message


def _late(message: str, selector: str | None, timeout_seconds: float, sight: Sight | None) -> str:
    within = f"within {timeout_seconds:g} s"
    if selector is None:
        return f"it did not happen {within}"
    if not says_it_was_there(message) and sight is None:
        return f"nothing matched {selector!r} {within}"
    reason = _reason(message) if sight is None else _reason_seen(sight)
    return f"{selector!r} was there but could not be used {within}" + (f": {reason}" if reason else "")


def _reason(message: str) -> str:
    reasons = [(found[-1].start(), words) for shape, words in _OBSTACLES if (found := list(shape.finditer(message)))]
    return max(reasons)[1] if reasons else ""


def _reason_seen(sight: Sight) -> str:
    if not sight.visible:
        return "it is not visible"
    return "" if sight.enabled else "it is disabled"


def first_line(message: str) -> str:
    """Return the first line of what Playwright said, without the name of its method; at most 300 characters."""
    line = message.strip().splitlines()[0] if message.strip() else "no reason given"
    # "Locator.click: Error: text" -> "text"
    return re.sub(r"^(?:[A-Z]\w*\.\w+: )?(?:Error: )?", "", line)[:300]
