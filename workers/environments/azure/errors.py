"""What Azure says, and what callers are told of it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from workers.environments.provider import ProviderFailed

log: Final = structlog.get_logger(__name__)

# Somebody, or an earlier try of ours, changes it right now; it takes our request afterwards.
# Source: https://learn.microsoft.com/troubleshoot/azure/azure-container-instances/configuration-setup/
# container-group-remains-transitioning-state and https://learn.microsoft.com/rest/api/storageservices/file-service-error-codes
_CHANGING: Final = frozenset(
    {"ContainerGroupTransitioning", "ShareBeingDeleted", "AnotherOperationInProgress", "Conflict"}
)
# There is no room in that region for the moment.
_NO_ROOM: Final = ("ServiceUnavailable", "InsufficientCapacity", "AllocationFailed")
_SHOWN: Final = 2_000
_HIDDEN: Final = "[hidden]"


def is_changing(error: HttpResponseError) -> bool:
    """Return whether the same request is taken once what goes on has ended."""
    return error.status_code == 409 and code_of(error) in _CHANGING


def code_of(error: HttpResponseError) -> str:
    """Return Azure's name of an error, of both its services; empty when it has none."""
    # Of a file share, and of what ARM answers or an operation ended with.
    return str(getattr(error, "error_code", "") or getattr(error.error, "code", "") or "")


@contextmanager
def told(doing: str, environment_id: str, hidden: Callable[[], Collection[str]] = tuple) -> Iterator[None]:
    """Turn what Azure raises while we are `doing` something into ProviderFailed, and write its words into our log.

    None of what `hidden` returns then is written, should Azure repeat it.

    Raises:
        ProviderFailed: Azure did not do it. Its message has no word of Azure's.
    """
    try:
        yield
    except AzureError as error:
        log.warning(
            "azure did not do it",
            doing=doing,
            environment_id=environment_id,
            error_type=type(error).__name__,
            code=code_of(error) if isinstance(error, HttpResponseError) else "",
            said=_without(str(error), hidden())[:_SHOWN],
        )
        # Without its cause, whose words would go wherever this one is shown.
        raise _failure(doing, error) from None


def _failure(doing: str, error: AzureError) -> ProviderFailed:
    if isinstance(error, ClientAuthenticationError):
        return _refused()
    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return _busy(f"failed to {doing}: Azure cannot be reached")
    if isinstance(error, HttpResponseError):
        return _answer(doing, error)
    return _busy(f"failed to {doing} at Azure")


def _answer(doing: str, error: HttpResponseError) -> ProviderFailed:
    code, status = code_of(error), error.status_code or 0
    if "quota" in code.lower():
        return ProviderFailed("The provider's quota does not allow it", kind="ProviderQuota")
    if any(word in code or word in str(error) for word in _NO_ROOM):
        return _busy("The provider has no room in that region now")
    if status in (401, 403):
        return _refused()
    if status in (409, 429):
        return _busy(f"failed to {doing}: Azure is busy")
    if status >= 500:
        return _busy(f"failed to {doing}: Azure is at fault")
    # Also when an operation was taken and failed later, which is told with a status of 200.
    return ProviderFailed(f"failed to {doing} at Azure")


def _busy(message: str) -> ProviderFailed:
    """Return what is told where the same may work in a while."""
    return ProviderFailed(message, kind="ProviderBusy", retryable=True)


def _refused() -> ProviderFailed:
    return ProviderFailed("The provider refuses the credentials of this installation", kind="ProviderRefused")


def _without(text: str, hidden: Collection[str]) -> str:
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text
