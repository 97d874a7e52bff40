"""Tells the server which types of nodes this worker knows: at the start, and whenever the server is another one."""

import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import structlog

from switchyard.orchestrator.v1 import node_type_service_pb2 as pb
from workers.server_link import Refused, ServerLink
from workers.workflow.nodes import NODE_TYPES
from workers.workflow.registry import Input, Kind, NodeType, Output, Registry

# Kinds of values -> what a JSON schema calls them. What may be given as text too is told so.
_SCHEMAS: Final[dict[Kind, dict[str, Any]]] = {
    "any": {},
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array"},
    "object": {"type": "object"},
    "condition": {"type": ["string", "boolean"], "description": "An expression, or a value that is true or not."},
}

log: Final = structlog.get_logger(__name__)


async def publish(link: ServerLink) -> None:
    """Publish what is known, again after each time the connection was lost, until this is cancelled."""
    request = publication(NODE_TYPES.with_installed())
    while True:
        try:
            await link.call(link.node_types.PublishNodeTypes, request)
        except Refused as refusal:
            log.error("the server refused the node types", code=refusal.code.name, reason=str(refusal))
        else:
            log.info("node types published", count=len(request.node_types))
        await link.reconnected()


def publication(types: Registry) -> pb.PublishNodeTypesRequest:
    """Return all types of a registry as the server is told them."""
    return pb.PublishNodeTypesRequest(
        node_types=[_node_type(kind) for kind in types.values()], refused=types.refused, version=_version()
    )


def _node_type(kind: NodeType) -> pb.NodeType:
    return pb.NodeType(
        name=kind.name,
        aliases=kind.aliases,
        category=kind.category,
        description=kind.description,
        inputs=_schema(kind.inputs, more=kind.open_inputs),
        outputs=_schema(kind.outputs, more=kind.open_outputs),
        exec_ports=kind.exec_ports,
        required_inputs=[one.name for one in kind.inputs if one.required],
    )


def _schema(values: Sequence[Input | Output], *, more: bool) -> str:
    schema: dict[str, Any] = {"type": "object", "properties": {one.name: _described(one) for one in values}}
    if required := [one.name for one in values if isinstance(one, Input) and one.required]:
        schema["required"] = required
    if more:
        schema["additionalProperties"] = True
    return json.dumps(schema, ensure_ascii=False)


def _described(one: Input | Output) -> dict[str, Any]:
    described = dict(_SCHEMAS[one.kind])
    if isinstance(one, Input):
        if one.default is not None:
            described["default"] = one.default
        if one.choices:
            described["enum"] = list(one.choices)
    if one.aliases:
        described["x-aliases"] = list(one.aliases)
    return described


def _version() -> str:
    try:
        return version("switchyard")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
