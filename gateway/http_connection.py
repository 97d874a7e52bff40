"""A connection of uvicorn whose unreadable requests are answered like all others: in our shape, with a request id."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.app import Gateway


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
