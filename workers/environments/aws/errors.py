"""What an error of AWS means to us."""

from typing import Final

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from workers.environments.provider import ProviderFailed
from workers.environments.retrying import Later, Said

# Source: "Common errors" of each API, and the codes that botocore itself tries again (botocore/retries/standard.py).
BUSY: Final = frozenset(
    {
        "ConflictException",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "UpdateInProgressException",
    }
)
REFUSED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
QUOTA: Final = frozenset(
    {
        "AccessPointLimitExceeded",
        "AddressLimitExceeded",
        "LimitExceededException",
        "NetworkInterfaceLimitExceeded",
        "ServiceQuotaExceededException",
    }
)
# A service that was deleted is gone only once its tasks are.
_DRAINING: Final = "still Draining"


def code_of(error: ClientError) -> str:
    """Return the code of an answer that was no."""
    return str(error.response.get("Error", {}).get("Code", ""))


# All that the SDK raises. An answer that breaks off in its body comes as aiohttp has it.
ERRORS: Final = (BotoCoreError, ClientError, ResponseParserError, aiohttp.ClientError, TimeoutError)
_NO_ANSWER: Final = (HTTPClientError, NoConnection, ResponseParserError, aiohttp.ClientError, TimeoutError)


def meaning(error: Exception, call: str, *, secret: bool) -> Exception:
    """Return Later or ProviderFailed, with what AWS said as its cause; `secret` hides all but its code.

    An answer that quotes what was sent must not bring a secret into a log.
    """
    if isinstance(error, ClientError):
        return _of_answer(error, call, secret=secret)
    said = Said(f"{call}: {type(error).__name__}" if secret else f"{call}: {error}")
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return _refused(said)
    if isinstance(error, _NO_ANSWER):
        return Later(str(said))
    return _failed("AWS could not be asked", said)


def _of_answer(error: ClientError, call: str, *, secret: bool) -> Exception:
    code = code_of(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = Said(f"{call}: {status} {code}" if secret else f"{call}: {status} {code}: {message}")
    if code in QUOTA:
        return _failed("the quota at AWS does not allow it", said, kind="ProviderQuota")
    if code in REFUSED or status in (401, 403):
        return _refused(said)
    if code in BUSY or status == 429 or status >= 500 or _DRAINING in message:
        return Later(str(said), after_seconds=_asked_seconds(error))
    return _failed("AWS refused what this environment needs", said)


def _asked_seconds(error: ClientError) -> float:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0


def _refused(said: Said) -> ProviderFailed:
    return _failed("AWS refused the credentials of this installation", said, kind="ProviderRefused")


def _failed(sentence: str, said: Said, *, kind: str = "ProviderFailed") -> ProviderFailed:
    failure = ProviderFailed(sentence, kind=kind)
    failure.__cause__ = said
    return failure
