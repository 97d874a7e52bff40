"""Choices: by a condition, by a value; and where ways come together again."""

from typing import Any

from workers.workflow.errors import GraphInvalid
from workers.workflow.registry import Given, Input, Leave, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.values import as_text, same

CATEGORY = "control"


def _if(given: Given, _step: Step) -> Result:
    holds = given["condition"]
    return Leave("true" if holds else "false", {"result": holds})


def _switch(given: Given, step: Step) -> Result:
    value, cases = given["value"], _cases(given["cases"])
    matched = next((place for place, case in enumerate(cases) if same(case, value)), None)
    by_value = f"case_{as_text(value)}"
    by_place = f"case_{matched}"
    outputs = {"matched_case": by_value if matched is not None or by_value in step.node.edges else "default"}
    if by_value in step.node.edges:
        return Leave(by_value, outputs)
    if matched is not None and by_place in step.node.edges:
        return Leave(by_place, outputs)
    if matched is None and "default" not in step.node.edges and step.node.edges:
        raise GraphInvalid(f"no case is {value!r:.60}, and 'default' leads nowhere", node_id=step.node.path)
    return Leave("default" if matched is None else by_value, outputs)


def _cases(cases: Any) -> list[Any]:
    if isinstance(cases, str):
        return [case.strip() for case in cases.split(",")]
    return cases if isinstance(cases, list) else []


def _merge(_given: Given, _step: Step) -> Result:
    return {}


NODES = (
    NodeType(
        "IfNode",
        CATEGORY,
        "Leaves by true or false, as its condition holds.",
        _if,
        inputs=(Input("condition", "condition", required=True, aliases=("expression",)),),
        outputs=(Output("result", "boolean"),),
        aliases=("BranchNode", "IfElseNode", "ConditionNode"),
        exec_ports=("true", "false"),
        port_aliases={"then": "true", "else": "false", "exec_true": "true", "exec_false": "false"},
    ),
    NodeType(
        "SwitchNode",
        CATEGORY,
        "Leaves by case_<value>, or by case_<place in the list of cases>, or by default.",
        _switch,
        inputs=(
            Input("value", required=True, aliases=("expression",)),
            Input("cases", default=[]),
        ),
        outputs=(Output("matched_case", "text"),),
        exec_ports=("case_*", "default"),
    ),
    NodeType(
        "MergeNode",
        CATEGORY,
        "Lets ways come together.",
        _merge,
        exec_inputs=("exec_in", "exec_in_*", "in_*", "branch_*"),
    ),
)
