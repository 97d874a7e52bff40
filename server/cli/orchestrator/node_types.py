"""`switchyard workflow nodes`: what workflows are made of."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import typer

from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import to_plain
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import node_type_service_pb2 as pb

group = typer.Typer()


@remote(group, "nodes")
def nodes(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="[TYPE]", help="A type of nodes, or another name for it.")] = "",
) -> None:
    """List the types of nodes that workers know, or show one: what it takes, gives, and by which ports it is left."""
    node_types = session.connection.node_types.ListNodeTypes(pb.ListNodeTypesRequest()).node_types
    if name:
        show(session, find(node_types, name))
        return
    rows = ((one.name, one.category, one.description) for one in node_types)
    columns = ("TYPE", "CATEGORY", "WHAT IT DOES")
    session.output.table([to_plain(one) for one in node_types], columns, rows, empty="no worker has told any yet")


def find(node_types: Iterable[pb.NodeType], name: str) -> pb.NodeType:
    """Return the type that goes by `name`.

    Raises:
        CommandFailed: none does.
    """
    for one in node_types:
        if name == one.name or name in one.aliases:
            return one
    raise CommandFailed(f"no worker knows a type of nodes {name!r}", ExitCode.NOT_FOUND)


def show(session: Session, one: pb.NodeType) -> None:
    """Print one type."""
    facts = [
        ("Type", one.name),
        ("Also", ", ".join(one.aliases)),
        ("Category", one.category),
        ("Does", one.description),
        *(("Takes", text) for text in value_texts(one.inputs, required=one.required_inputs)),
        *(("Gives", text) for text in value_texts(one.outputs)),
        ("Left by", ", ".join(one.exec_ports)),
    ]
    session.output.facts(to_plain(one), facts)


def value_texts(schema: str, *, required: Iterable[str] = ()) -> Iterator[str]:
    """Yield each value that the schema of an object tells of: "url: string, required", "retries: integer = 3"."""
    needed = frozenset(required)
    properties: dict[str, Any] = json.loads(schema or "{}").get("properties", {})
    for name, told in properties.items():
        default = f" = {json.dumps(told['default'], ensure_ascii=False)}" if "default" in told else ""
        choices = f", one of {', '.join(map(str, told['enum']))}" if "enum" in told else ""
        yield f"{name}: {type_text(told)}{default}{choices}{', required' if name in needed else ''}"


def type_text(told: Mapping[str, Any]) -> str:
    """Return the type that a JSON schema tells, or its types: "string or boolean"."""
    kind = told.get("type", "any")
    return kind if isinstance(kind, str) else " or ".join(kind)
