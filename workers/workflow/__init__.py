"""The engine of workflows: a graph of nodes, executed as its author meant it.

`run_graph` executes a canonical `Graph` with a `Host` as its only way to the outside; what nodes can do is said by a
`Registry` of node types, which also tells the server what is known. Graph, variables, expressions and control flow are
pure: whatever touches the world is a node. It knows no server and no Task, and importing it starts nothing.
"""

from workers.workflow.engine import run_graph
from workers.workflow.errors import GraphInvalid, NodeFailed, WorkflowError
from workers.workflow.host import Host
from workers.workflow.registry import Leave, NodeType, Registry

__all__ = ["GraphInvalid", "Host", "Leave", "NodeFailed", "NodeType", "Registry", "WorkflowError", "run_graph"]
