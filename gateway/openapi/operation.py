"""One operation: one HTTP binding of one rpc."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.contract.services import HttpBinding, Method
from gateway.errors.problem import ErrorReasons
from gateway.openapi.contents import Contents, gives_bytes
from gateway.openapi.example import Examples
from gateway.openapi.parameters import Parameters
from gateway.openapi.path import OpenApiPath
from gateway.openapi.refusals import Refusals, every_header, refer
from gateway.openapi.schema import Json, Schemas
from gateway.openapi.streaming import only_websocket, speaks_websocket, streaming_words
from gateway.options import GatewayOptions

# Any one of them will do.
CREDENTIALS: Final[Sequence[Json]] = [{"bearer": []}, {"apiKey": []}]
UNCHANGED: Final[Json] = {
    "304": {"description": "The client has this answer already.", "headers": refer(["X-Request-ID", "ETag"])}
}


class Operations:
    """Writes operations, whose messages it collects in `schemas`. `services` has names of services by full names."""

    def __init__(
        self,
        comments: Mapping[str, str],
        schemas: Schemas,
        options: GatewayOptions,
        reasons: ErrorReasons,
        services: Mapping[str, str],
    ) -> None:
        self._comments = comments
        self._schemas = schemas
        self._options = options
        self._services = services
        self._refusals = Refusals(schemas, comments, reasons)
        examples = Examples(schemas.components)
        self._parameters = Parameters(schemas, examples)
        self._contents = Contents(schemas, self._refusals, examples)

    def write(self, method: Method, binding: HttpBinding, path: OpenApiPath, number: int) -> Json:
        """Write the operation of the binding with this number, from 1, among those of its rpc."""
        service = self._services[method.descriptor.containing_service.full_name]
        suffix = "" if number == 1 else f"_{number}"
        operation: Json = {"operationId": f"{service}_{method.descriptor.name}{suffix}", "tags": [service]}
        operation |= self._words(method, binding)
        operation["parameters"] = self._parameters.of(method, binding, path)
        tagged = self._has_entity_tags(method, binding)
        if tagged:
            operation["parameters"].append({"$ref": "#/components/parameters/If-None-Match"})
        body = self._contents.request(method, binding, path)
        if body is not None:
            operation["requestBody"] = body
        needed = self._credential_needed(method)
        refusals = self._refusals.of(method, binding, guarded=needed is not False)
        unchanged = UNCHANGED if tagged else {}
        operation["responses"] = self._success(method, binding, tagged=tagged) | unchanged | refusals
        if needed is not None and self._options.credential_needed is not None:
            operation["security"] = CREDENTIALS if needed else []
        if speaks_websocket(method, binding):
            operation["x-websocket"] = self._contents.frames(method, binding, path)
        return operation

    def _words(self, method: Method, binding: HttpBinding) -> Json:
        comment = self._comments.get(method.descriptor.full_name, "")
        ask = self._options.who_may_call
        who = "" if ask is None else ask(method.descriptor)
        description = "\n\n".join(filter(None, (comment, who, streaming_words(method, binding))))
        words = {"summary": summary(comment), "description": description}
        return {key: text for key, text in words.items() if text}

    def _credential_needed(self, method: Method) -> bool | None:
        """As `GatewayOptions.credential_needed` tells; False where nobody tells anything."""
        ask = self._options.credential_needed
        return False if ask is None else ask(method.descriptor)

    def _has_entity_tags(self, method: Method, binding: HttpBinding) -> bool:
        """Whether a client that has the answer already need not be sent it again (RFC 9110, section 13.1.2)."""
        whole = not (method.server_streaming or method.client_streaming)
        usual = method.options.success_status in (0, 200)
        return self._options.etags and binding.http_method == "GET" and whole and usual

    def _success(self, method: Method, binding: HttpBinding, *, tagged: bool) -> Json:
        if only_websocket(method):
            return {"101": {"description": "The connection is a WebSocket from now on."}}
        status = method.options.success_status or 200
        success: Json = {"description": "Success."}
        if not gives_bytes(method, binding):
            # What google.api.HttpBody says of itself tells nothing of the file.
            self._schemas.describe(success, method.output.full_name)
        success["headers"] = refer([*every_header(method), *(["ETag"] if tagged else [])])
        if status != 204:
            success["content"] = self._contents.answer(method, binding)
        return {str(status): success}


def summary(comment: str) -> str:
    """First sentence of a comment, on one line."""
    text = " ".join(comment.split())
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0].rstrip(".")
