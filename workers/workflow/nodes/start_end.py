"""Where runs begin and ways end: start, end, triggers; and nodes that only tell people something."""

from workers.workflow.blocks import Jump
from workers.workflow.registry import Given, NodeType, Output, Result
from workers.workflow.step import Step

CATEGORY = "control"


def _pass(_given: Given, _step: Step) -> Result:
    return {}


def _end(_given: Given, _step: Step) -> Result:
    return Jump("finish")


def _trigger(_given: Given, step: Step) -> Result:
    payload = step.scope.variables.get("payload")
    return {"payload": payload, "timestamp": step.now().isoformat(timespec="seconds")}


def _trigger_type(name: str, description: str) -> NodeType:
    return NodeType(
        name,
        "trigger",
        description,
        _trigger,
        outputs=(Output("payload", aliases=("body", "data")), Output("timestamp", "text", ("trigger_time",))),
        role="trigger",
    )


NODES = (
    NodeType("StartNode", CATEGORY, "Begins the run.", _pass, role="start"),
    NodeType("EndNode", CATEGORY, "Ends the way that leads to it, and every block around.", _end, exec_ports=()),
    NodeType("CommentNode", CATEGORY, "Says something to who reads the graph.", _pass, open_inputs=True),
    NodeType("RerouteNode", CATEGORY, "Does nothing; for edges that go around a corner.", _pass),
    _trigger_type("ManualTriggerNode", "Begins a run that somebody started."),
    _trigger_type("ScheduleTriggerNode", "Begins a run that a schedule started."),
    _trigger_type("WebhookTriggerNode", "Begins a run that a call from outside started; its payload is an output."),
)
