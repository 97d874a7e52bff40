"""Files in requests: raw, or as one part of a multipart form (RFC 7578). Read piece by piece, in bounded memory."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from gateway.errors import BadRequest, Violation

FORM: Final = b"multipart/form-data"
# Largest piece handed on at once: large enough to make calls cheap, far below what gRPC takes by default (4 MiB).
PIECE_BYTES: Final = 256 * 1024
# All other parts together, with what each costs by itself. They wait in memory until the end of the form.
FIELDS_BYTES: Final = 64 * 1024
FIELD_OVERHEAD: Final = 100


class FormPart:
    """The part called `name` of a multipart form whose body comes as `pieces`.

    Of several parts with the name the first one counts. Other parts wait in `take_fields`, but for files.
    """

    def __init__(self, content_type: bytes, name: str, pieces: AsyncIterator[bytes]) -> None:
        self.content_type = b""
        self.filename = ""
        self._name = name
        self._fields: list[tuple[str, bytearray]] = []
        self._field: bytearray | None = None
        self._room = FIELDS_BYTES
        self._pieces = pieces
        self._found: list[bytes] = []
        self._inside = False
        self._seen = False
        self._complete = False
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise BadRequest("the multipart form must name its boundary")
        try:
            self._parser = MultipartParser(boundary, self._callbacks())
        except FormParserError as error:
            raise BadRequest("the boundary of the multipart form is too long") from error

    async def open(self) -> bytes:
        """Read up to the first bytes of the part and return them; empty for an empty part. Sets `content_type`.

        Raises:
            BadRequest: the form is broken, or has no such part.
        """
        async for piece in self._pieces:
            self._feed(piece)
            if self._found or (self._seen and not self._inside):
                break
        if not self._seen:
            message = f"{self._name} must be a part of the form"
            raise BadRequest(message, [Violation(self._name, message)])
        return self._take()

    async def rest(self) -> AsyncIterator[bytes]:
        """Yield what follows the first bytes, up to the end of the form.

        Raises:
            BadRequest: the form is broken, or ends too early.
        """
        async for piece in self._pieces:
            self._feed(piece)
            if self._found:
                yield self._take()
        if not self._complete:
            raise BadRequest("the multipart form ends before its last boundary")

    def take_fields(self) -> list[tuple[str, str]]:
        """Return name and text of the other parts that have come since the last call.

        Raises:
            BadRequest: one is no text.
        """
        fields, self._fields = self._fields, []
        try:
            return [(name, value.decode()) for name, value in fields]
        except UnicodeDecodeError as error:
            raise BadRequest("the parts of the form beside the file must be UTF-8") from error

    def _take(self) -> bytes:
        found = b"".join(self._found)
        self._found.clear()
        return found

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise BadRequest("the body must be a well-formed multipart form") from error

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_part,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    def _begin_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name == self._name:
            self._inside = not self._seen
            if self._inside:
                self._begin_file(options.get(b"filename", b""))
        elif name and b"filename" not in options:
            self._field = bytearray()
            self._fields.append((name, self._field))
            self._spend(len(name) + FIELD_OVERHEAD)

    def _begin_file(self, filename: bytes) -> None:
        self._seen = True
        self.content_type = self._headers.get(b"content-type", b"")
        self.filename = filename.decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self._found.append(data[start:end])
        elif self._field is not None:
            self._spend(end - start)
            self._field += data[start:end]

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise BadRequest(f"the parts of the form beside the file must have at most {FIELDS_BYTES:,} bytes together")

    def _end_part(self) -> None:
        self._inside = False
        self._field = None

    def _end(self) -> None:
        self._complete = True


def is_form(content_type: bytes) -> bool:
    """Whether a body with this content type is a multipart form."""
    return content_type.partition(b";")[0].strip().lower() == FORM


def with_content_type(headers: Sequence[tuple[bytes, bytes]], content_type: bytes) -> list[tuple[bytes, bytes]]:
    """Headers of a request whose body is the part instead of the form around it."""
    kept = [(name, value) for name, value in headers if name != b"content-type"]
    return [*kept, (b"content-type", content_type)] if content_type else kept


def split(piece: bytes) -> Sequence[bytes]:
    """`piece` in pieces of at most `PIECE_BYTES`; none for an empty one."""
    if len(piece) <= PIECE_BYTES:
        return (piece,) if piece else ()
    return [piece[start : start + PIECE_BYTES] for start in range(0, len(piece), PIECE_BYTES)]
