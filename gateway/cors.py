"""Cross-origin requests of browsers. Source: https://fetch.spec.whatwg.org/#http-cors-protocol

Credentials here are headers a page sets itself, never cookies, so `Access-Control-Allow-Credentials` is not sent.
"""

from collections.abc import Collection, Sequence
from typing import Final

Headers = list[tuple[bytes, bytes]]

ANY: Final = "*"
# What scripts may read beside the headers every script may read.
EXPOSED: Final = (
    b"Content-Disposition, ETag, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
)
# A preflight for a path that no route has is answered as if all were allowed, so that the page gets to see the 404.
EVERY_METHOD: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# Seconds a browser may remember the answer to a preflight.
MAX_AGE: Final = b"600"


class Cors:
    """Answers for `allowed_origins`: origins as browsers send them ("https://a.example"), or "*" for all."""

    def __init__(self, allowed_origins: Collection[str]) -> None:
        self._any = ANY in allowed_origins
        self._allowed = frozenset(origin.rstrip("/").encode() for origin in allowed_origins)

    def headers(self, origin: bytes | None) -> Headers:
        """Headers for an ordinary answer; `origin` is what the request sent in Origin."""
        if self._any:
            return [] if origin is None else [*self._allow(b"*"), (b"access-control-expose-headers", EXPOSED)]
        if not self._allowed:
            return []
        if origin in self._allowed and origin is not None:
            return [*self._allow(origin), (b"access-control-expose-headers", EXPOSED)]
        # The answer differs by Origin, and caches have to know.
        return [(b"vary", b"Origin")]

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
        return allow
