"""A connection of uvicorn that has trailers, and answers unreadable requests like all others.

That is in our shape, and with a request id.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.app import Gateway
from gateway.http_trailers import TrailingApp, may_have_trailers


class HttpConnection(HttpToolsProtocol):
    """Give this class to `uvicorn.Config` as `http`; the application must be a `Gateway`."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words
        """Answer bytes that are no HTTP request, and close; nobody knows where the next request would begin."""
        app = self.config.loaded_app
        if not isinstance(app, Gateway):
            raise TypeError("HttpConnection serves a Gateway only")
        status, headers, body = app.refuse_unreadable(self.client[0] if self.client else "")
        lines = [b"%b: %b\r\n" % header for header in [*self.server_state.default_headers, *headers]]
        self.transport.write(b"".join([STATUS_LINE[status], *lines, b"connection: close\r\n\r\n", body]))
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope
        if may_have_trailers(scope):
            app = TrailingApp(app, cycle)
        super()._start_asgi_task(cycle, app)
