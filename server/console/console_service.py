"""ConsoleService: sends the files the page is made of."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from google.api import httpbody_pb2

from server.errors import NotFound
from switchyard.system.v1 import console_service_pb2 as pb
from switchyard.system.v1 import console_service_pb2_grpc as pb_grpc

Context = Any

PAGE: Final = "index.html"
CONTENT_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}


class ConsoleService(pb_grpc.ConsoleServiceServicer):
    """Serves the files of `server/console/page`, read once; a name is looked up among them and never becomes a path."""

    def __init__(self) -> None:
        self._files = {
            file.name: httpbody_pb2.HttpBody(
                content_type=CONTENT_TYPES[file.name[file.name.rindex(".") :]], data=file.read_bytes()
            )
            for file in files("server.console").joinpath("page").iterdir()
        }

    async def GetConsole(self, request: pb.GetConsoleRequest, _context: Context) -> httpbody_pb2.HttpBody:
        """Send one of them."""
        found = self._files.get(request.name or PAGE)
        if found is None:
            raise NotFound("Not found", name=request.name)
        return found
