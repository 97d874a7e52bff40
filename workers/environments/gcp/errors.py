"""What an error of Google Cloud means to us."""

from collections.abc import Mapping
from typing import Any, Final

import requests
from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError
from google.auth.exceptions import GoogleAuthError, TransportError

from workers.environments.provider import ProviderFailed
from workers.environments.retrying import Later, Said

ERRORS: Final = (GoogleAPIError, GoogleAuthError, requests.exceptions.RequestException, TimeoutError)

# Reasons that come with 403 and 429, and codes of operations that failed, in lower case without underlines.
# Source: https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-resource-availability and
# https://cloud.google.com/compute/docs/api/rate-limits
QUOTA: Final = frozenset({"quotaexceeded", "limitexceeded", "resourcequotaexceeded"})
BUSY: Final = frozenset(
    {"ratelimitexceeded", "userratelimitexceeded", "resourcenotready", "resourceinusebyanotherresource", "backenderror"}
)
FULL: Final = frozenset({"zoneresourcepoolexhausted", "zoneresourcepoolexhaustedwithdetails"})


def meaning(error: Exception, call: str, *, secret: bool) -> Exception:
    """Return Later or ProviderFailed, with what Google said as its cause; `secret` hides all but its status."""
    if isinstance(error, GoogleAPICallError):
        return _of_answer(error, call, secret=secret)
    said = f"{call}: {type(error).__name__}" if secret else f"{call}: {type(error).__name__}: {error}"
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return _refused(said)
    return Later(said)


def of_operation(operation: Any, call: str) -> ProviderFailed | None:
    """Return what an operation that ended failed with; None when it did not."""
    codes = [_plain(error.code) for error in operation.error.errors]
    if not codes and not operation.http_error_status_code:
        return None
    said = f"{call}: {operation.http_error_status_code} " + "; ".join(
        f"{error.code}: {error.message}" for error in operation.error.errors
    )
    if QUOTA.intersection(codes):
        return _over_quota(said)
    if FULL.intersection(codes):
        return _failed("Google Cloud has no machine of that size free there", said, kind="ProviderBusy", retryable=True)
    return _failed("Google Cloud could not carry it out", said, retryable=bool(BUSY.intersection(codes)))


def _of_answer(error: GoogleAPICallError, call: str, *, secret: bool) -> Exception:
    status = int(error.code or 0)
    said = f"{call}: {status}" if secret else f"{call}: {status}: {error.message}"
    reasons = {_plain(str(detail.get("reason", ""))) for detail in error.errors if isinstance(detail, Mapping)}
    if QUOTA & reasons:
        return _over_quota(said)
    if status in (408, 429) or status >= 500 or BUSY & reasons:
        return Later(said, after_seconds=_asked_seconds(error))
    if status in (401, 403):
        return _refused(said)
    return _failed("Google Cloud refused what this environment needs", said)


def _asked_seconds(error: GoogleAPICallError) -> float:
    value = getattr(error.response, "headers", {}).get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def _plain(code: str) -> str:
    return code.replace("_", "").lower()


def _over_quota(said: str) -> ProviderFailed:
    return _failed("the quota at Google Cloud does not allow it", said, kind="ProviderQuota")


def _refused(said: str) -> ProviderFailed:
    return _failed("Google Cloud refused the credentials of this installation", said, kind="ProviderRefused")


def _failed(sentence: str, said: str, *, kind: str = "ProviderFailed", retryable: bool = False) -> ProviderFailed:
    failure = ProviderFailed(sentence, kind=kind, retryable=retryable)
    failure.__cause__ = Said(said)
    return failure
