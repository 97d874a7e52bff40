"""A request as a node describes it, and what becomes of it when it is redirected. Pure."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from workers.workflow.errors import NodeFailed
from workers.workflow.redaction import sounds_secret
from workers.workflow.registry import Given
from workers.workflow.values import as_text

LONGEST_SECONDS: Final = 3600
MOST_REDIRECTS: Final = 20

# RFC 9110, 5.6.2 and 5.5: https://www.rfc-editor.org/rfc/rfc9110.html#section-5.5
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
# How a body ends is said by the body.
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `url` holds no user or password: they stand in the headers."""

    method: str
    url: URL
    headers: CIMultiDictProxy[str]
    body: bytes | None
    seconds: float  # for all of it, redirects and the whole body too
    redirects: int | None  # how many are followed; None when a redirect is an answer like any other
    verify: bool  # certificates

    @property
    def origin(self) -> str:
        """Scheme, host and port: all that may be told of a URL, as the rest can hold secrets."""
        return str(self.url.origin())

    def redirected(self, status: int, location: str | None) -> "Request | None":
        """Return the request that an answer asks for instead, None when it does not.

        RFC 9110, 15.4: https://www.rfc-editor.org/rfc/rfc9110.html#section-15.4

        Raises:
            NodeFailed: what it asks for is no http or https address.
        """
        if self.redirects is None or status not in _REDIRECTS or not location:
            return None
        try:
            url = _checked(self.url.join(URL(location))).with_user(None)
        except (ValueError, NodeFailed) as error:
            raise NodeFailed(f"{self.origin} redirects to what is no http or https address") from error
        headers = CIMultiDict(self.headers)
        if url.origin() != self.url.origin():
            headers = CIMultiDict((name, value) for name, value in headers.items() if not sounds_secret(name))
        following = replace(self, url=url, headers=CIMultiDictProxy(headers))
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            headers.popall("content-type", None)
            return replace(following, method="GET", body=None)
        return following


def request_of(given: Given) -> Request:
    """Return the request that the inputs of a node describe.

    Raises:
        NodeFailed: they describe none; the sentence names the input, never its value.
    """
    url = _url(given["url"], given["params"] or {})
    body, content_type = _body(given)
    headers = _headers(given["headers"] or {})
    if content_type is not None:
        headers.setdefault("Content-Type", content_type)
    headers.update(_authorization(given, url))
    if not 0 < given["timeout"] <= LONGEST_SECONDS:
        raise NodeFailed(f"its input 'timeout' must be more than 0 and at most {LONGEST_SECONDS:,} seconds")
    if not 0 <= given["max_redirects"] <= MOST_REDIRECTS:
        raise NodeFailed(f"its input 'max_redirects' must be 0 to {MOST_REDIRECTS}")
    return Request(
        method=given["method"].upper(),
        url=url.with_user(None),
        headers=CIMultiDictProxy(headers),
        body=body,
        seconds=given["timeout"],
        redirects=given["max_redirects"] if given["follow_redirects"] else None,
        verify=given["verify_ssl"],
    )


def _url(written: str, params: Mapping[str, Any]) -> URL:
    pairs = [
        (name, as_text(one))
        for name, value in params.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]
    try:
        url = _checked(URL(written.strip()))
        return url.extend_query(pairs) if pairs else url
    except (ValueError, TypeError) as error:  # its message quotes the URL
        raise NodeFailed("its input 'url' is not a URL") from error


def _checked(url: URL) -> URL:
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise NodeFailed("its input 'url' must be an absolute http or https address")
    return url


def _headers(written: Mapping[str, Any]) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for name, value in written.items():
        text = as_text(value)
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise NodeFailed(f"the header {name!r:.60} cannot be sent as it is")
        if name.lower() in _FRAMING:
            raise NodeFailed(f"the header {name!r} is set by the request itself")
        headers[name] = text.strip()
    return headers


def _body(given: Given) -> tuple[bytes | None, str | None]:
    """Return the body and its media type."""
    said = [name for name in ("json", "form", "body") if given[name] not in (None, "")]
    if len(said) > 1:
        raise NodeFailed(f"only one of its inputs {' and '.join(map(repr, said))} can be the body")
    if not said:
        return None, None
    value, content_type = given[said[0]], given["content_type"] or None
    if said == ["form"] or (content_type == _FORM and isinstance(value, Mapping)):
        return urlencode({name: _form_value(one) for name, one in value.items()}, doseq=True).encode(), _FORM
    if said == ["body"] and isinstance(value, str):
        return value.encode(), content_type or (_JSON if _is_json(value) else "text/plain; charset=utf-8")
    return orjson.dumps(value), content_type or _JSON


def _form_value(value: Any) -> str | list[str]:
    return [as_text(one) for one in value] if isinstance(value, list) else as_text(value)


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _authorization(given: Given, url: URL) -> dict[str, str]:
    kind, token = given["auth_type"], given["token"]
    username, password = given["username"] or url.user, given["password"] or url.password or ""
    if kind == "auto":
        kind = "bearer" if token else "basic" if username else "none"
    if kind == "none":
        return {}
    if kind == "basic":
        if not username:
            raise NodeFailed("its input 'username' is missing")
        return {"Authorization": f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"}
    if not token:
        raise NodeFailed("its input 'token' is missing")
    named = {given["api_key_name"]: token} if kind == "api_key" else {"Authorization": f"Bearer {token}"}
    return dict(_headers(named))
