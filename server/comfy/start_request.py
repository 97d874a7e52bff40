"""What a caller may ask of a new session, beyond the bounds of the contract. Pure."""

from urllib.parse import urlsplit

from server.errors import InvalidArgument
from server.outbound import target
from switchyard.comfy.v1.session_service_pb2 import StartSessionRequest

_URL = "credentials.url"


def comfy_url(url: str) -> str:
    """Return the address of ComfyUI as it is stored and shown: without a slash at its end, its origin in lower case.

    Raises:
        InvalidArgument: it is no http or https URL, or carries what could be a secret.
    """
    try:
        target(url)
    except InvalidArgument as refusal:
        raise InvalidArgument.field(_URL, refusal.violations[0].message) from refusal
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise InvalidArgument.field(_URL, "must start with http:// or https://")
    if "@" in parts.netloc:
        raise InvalidArgument.field(_URL, "must not carry a user name or password; they have fields of their own")
    if parts.query or parts.fragment:
        raise InvalidArgument.field(_URL, "must not carry a query or a fragment")
    return f"{parts.scheme}://{_origin_host(url)}{parts.path.rstrip('/')}"


def check_username(credentials: StartSessionRequest.Credentials) -> None:
    """Refuse a name that basic authentication cannot carry.

    Source: RFC 7617, section 2: a user-id that contains a colon is invalid.
    """
    if ":" in credentials.username:
        raise InvalidArgument.field("credentials.username", "must not contain a colon")


def _origin_host(url: str) -> str:
    """Return host and port as one ComfyUI always has them: a port that the scheme has anyway is left out."""
    goal = target(url)
    host = f"[{goal.host}]" if ":" in goal.host else goal.host
    usual = {"http": 80, "https": 443}[goal.scheme]
    return host if goal.port == usual else f"{host}:{goal.port}"
