"""TemplateService: what environments are made from, as the wire says it."""

from collections import Counter
from typing import Any, Final

import sqlalchemy as sa

from server.clock import Clock
from server.database.database import Database
from server.environments.templates import template_store
from server.errors import InvalidArgument
from server.paging import page_limit
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from switchyard.environments.v1 import template_service_pb2 as pb
from switchyard.environments.v1 import template_service_pb2_grpc as pb_grpc

Context = Any

# What a size is when it is not given, and the least it may be. Source: the table "Resource Limits" of the API.
_SIZES: Final = {"cpu_cores": ("cpuCores", 2, 1), "memory_gb": ("memoryGB", 4, 1), "storage_gb": ("storageGB", 20, 10)}
_LARGEST_STORAGE: Final = 100
# Ports and names of what every environment has.
_TAKEN_PORTS: Final = frozenset({8443, 2222})
_TAKEN_NAMES: Final = frozenset({"ide", "ssh"})


class TemplateService(pb_grpc.TemplateServiceServicer):
    """Serves templates to everybody alike."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def CreateTemplate(self, request: pb.CreateTemplateRequest, _context: Context) -> pb.CreateTemplateResponse:
        """Store a template."""
        if not request.template.template_id:
            raise InvalidArgument.field("template.templateId", "must be given")
        template, now = completed(request.template), self._clock()
        key = IdempotencyKey.of_call(request.request_id, "CreateTemplate")

        def work(connection: sa.Connection) -> pb.CreateTemplateResponse:
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return pb.CreateTemplateResponse.FromString(earlier)
            answer = pb.CreateTemplateResponse(template=template_store.insert(connection, template, now=now))
            idempotency.store_answer(connection, key, answer)
            return answer

        return await self._database.write(work)

    async def GetTemplate(self, request: pb.GetTemplateRequest, _context: Context) -> pb.GetTemplateResponse:
        """Read a template."""
        template = await self._database.read(lambda connection: template_store.require(connection, request.template_id))
        return pb.GetTemplateResponse(template=template)

    async def ListTemplates(self, request: pb.ListTemplatesRequest, _context: Context) -> pb.ListTemplatesResponse:
        """List a page of templates."""
        limit = page_limit(request.page_size)
        templates = await self._database.scan(
            lambda connection: template_store.page(connection, after=request.page_token, limit=limit + 1)
        )
        behind = templates[limit - 1].template_id if len(templates) > limit else ""
        return pb.ListTemplatesResponse(templates=templates[:limit], next_page_token=behind)

    async def UpdateTemplate(self, request: pb.UpdateTemplateRequest, _context: Context) -> pb.UpdateTemplateResponse:
        """Replace a template."""
        template, now = completed(request.template), self._clock()
        if template.template_id not in ("", request.template_id):
            raise InvalidArgument.field("template.templateId", f"must be {request.template_id!r} as in the path")
        template.template_id = request.template_id
        stored = await self._database.write(lambda connection: template_store.replace(connection, template, now=now))
        return pb.UpdateTemplateResponse(template=stored)

    async def DeleteTemplate(self, request: pb.DeleteTemplateRequest, _context: Context) -> pb.DeleteTemplateResponse:
        """Delete a template."""
        await self._database.write(lambda connection: template_store.delete(connection, request.template_id))
        return pb.DeleteTemplateResponse()


def completed(template: pb.Template) -> pb.Template:
    """Return a template with every size that it does not state.

    Raises:
        InvalidArgument: a size is too small, or ports are not to be told apart.
    """
    whole = pb.Template()
    whole.CopyFrom(template)
    for name, (shown, usual, least) in _SIZES.items():
        size = getattr(template, name) or usual
        if size < least:
            raise InvalidArgument.field(f"template.{shown}", f"must be between {least} and {_LARGEST_STORAGE}")
        setattr(whole, name, size)
    _check_ports(template)
    return whole


def _check_ports(template: pb.Template) -> None:
    for name, taken in (("port", _TAKEN_PORTS), ("name", _TAKEN_NAMES)):
        counted = Counter(getattr(port, name) for port in template.ports)
        for value, count in counted.items():
            if value in taken:
                raise InvalidArgument.field(
                    f"template.ports.{name}", f"must not be {value}, which every environment has"
                )
            if not value:
                raise InvalidArgument.field(f"template.ports.{name}", "must be given")
            if count > 1:
                raise InvalidArgument.field(f"template.ports.{name}", f"must not be {value} twice")
