"""`set`: gives values names, for the steps that follow and for the result of the run."""

from collections.abc import Mapping
from dataclasses import dataclass

from workers.flow.arguments import argument
from workers.flow.job import Job
from workers.flow.registry import Continue, NodeType


@dataclass(frozen=True)
class Set:
    """Arguments of `set`: the whole map, name to value."""

    values: Mapping[str, object] = argument(fold=True)


async def run(arguments: Set, job: Job) -> Continue:  # noqa: ARG001  every node is called alike
    """Set the variables, overwriting those there are."""
    return Continue(variables=arguments.values)


NODE = NodeType("set", Set, run, describe=lambda arguments: ", ".join(arguments.values))
