"""What is told of an operation that failed: a neutral sentence to callers, the provider's words to our own log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog

from workers.environments.provider import ProviderFailed
from workers.server_link import Refused

# What callers call the providers.
NAMES: Final[Mapping[str, str]] = {"azure": "Azure", "aws": "AWS", "gcp": "Google Cloud", "local": "this machine"}

log: Final = structlog.get_logger(__name__)


@contextmanager
def told_plainly(provider: str, attempt_to: str) -> Iterator[None]:
    """Let nothing out but what callers may read; `attempt_to` is what is tried: "create the environment".

    Raises:
        ProviderFailed: it could not be done.
        LeaseLost, Refused: as they come, from calls to the server.
    """
    try:
        yield
    except ProviderFailed as failure:
        log.warning("a provider failed", provider=provider, failure=failure.kind, cause=_words_of(failure.__cause__))
        raise
    except Refused:
        raise
    except Exception as error:  # whatever an SDK raises: its text is not for callers
        log.exception("a provider failed unexpectedly", provider=provider)
        sentence = f"failed to {attempt_to} at {NAMES.get(provider, provider)}"
        raise ProviderFailed(sentence, retryable=True) from error


def _words_of(cause: BaseException | None) -> str | None:
    return None if cause is None else f"{type(cause).__name__}: {cause}"[:2000]
