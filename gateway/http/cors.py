"""Cross-origin requests of browsers. Source: https://fetch.spec.whatwg.org/#http-cors-protocol

Credentials are headers a page sets itself. Only a gateway that forwards cookies sends
`Access-Control-Allow-Credentials`, and only to origins listed by name.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from gateway.http.handshake import is_own_page

Headers = list[tuple[bytes, bytes]]

ANY: Final = "*"
# What the gateway writes itself and scripts may read.
EXPOSED: Final = (
    # How a call over gRPC-Web ended that failed at once.
    "Grpc-Message",
    "Grpc-Status",
    "Grpc-Status-Details-Bin",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)
# What scripts may read, or not, whatever is said ("CORS-safelisted" and "forbidden response-header name").
SETTLED: Final = frozenset(
    {"cache-control", "content-encoding", "content-language", "expires", "last-modified", "set-cookie", "vary"}
)
# A preflight for a path that no route has is answered as if all were allowed, so that the page gets to see the 404.
EVERY_METHOD: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# Seconds a browser may remember the answer to a preflight.
MAX_AGE: Final = b"600"


class Cors:
    """Answers for `allowed_origins`: origins as browsers send them ("https://a.example"), or "*" for all.

    Scripts may read the headers called `exposed`. `cookies`: some are forwarded.
    """

    def __init__(self, allowed_origins: Collection[str], exposed: Iterable[str] = (), *, cookies: bool = False) -> None:
        readable = sorted({*EXPOSED, *(name for name in exposed if name not in SETTLED)}, key=str.lower)
        self._exposed = (b"access-control-expose-headers", ", ".join(readable).encode())
        self._cookies = cookies
        self._any = ANY in allowed_origins
        self._allowed = frozenset(origin.rstrip("/").encode() for origin in allowed_origins)

    def headers(self, origin: bytes | None) -> Headers:
        """Headers for an ordinary answer; `origin` is what the request sent in Origin."""
        if self._any:
            return [] if origin is None else [*self._allow(b"*"), self._exposed]
        if not self._allowed:
            return []
        if origin in self._allowed and origin is not None:
            return [*self._allow(origin), self._exposed]
        # The answer differs by Origin, and caches have to know.
        return [(b"vary", b"Origin")]

    def allows(self, origin: bytes | None) -> bool:
        """Whether a page of `origin` may read answers. Programs that are no pages send no Origin."""
        return origin is None or self._any or origin in self._allowed

    def trusts(self, http_method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether cookies count in a request: no page of another site made it, unless it is listed by name.

        Browsers add cookies to requests that other sites cause. As with SameSite=Lax, a link from there is in order.
        Source of Sec-Fetch-Site: https://www.w3.org/TR/fetch-metadata/
        """
        origin = headers.get(b"origin")
        if origin is not None:
            return origin in self._allowed or is_own_page(origin, headers.get(b"host", b""))
        if headers.get(b"sec-fetch-site") != b"cross-site":
            return True
        return http_method == "GET" and headers.get(b"sec-fetch-mode") == b"navigate"

    def preflight(self, origin: bytes, requested_headers: bytes | None, methods: Sequence[str]) -> Headers:
        """Headers for the answer to a preflight of a path that serves `methods`; bare when the origin may not."""
        if not self._any and origin not in self._allowed:
            return [(b"vary", b"Origin")]
        answer = self._allow(b"*" if self._any else origin)
        answer.append((b"access-control-allow-methods", ", ".join(methods).encode()))
        if requested_headers:
            answer.append((b"access-control-allow-headers", requested_headers))
        answer.append((b"access-control-max-age", MAX_AGE))
        return answer

    def _allow(self, origin: bytes) -> Headers:
        allow = [(b"access-control-allow-origin", origin)]
        if not self._any:
            allow.append((b"vary", b"Origin"))
            if self._cookies:
                allow.append((b"access-control-allow-credentials", b"true"))
        return allow
