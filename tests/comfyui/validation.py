"""What ComfyUI finds wrong with a prompt before it queues it, in its own words.

Source: `validate_prompt` and `validate_inputs` of execution.py, https://github.com/comfyanonymous/ComfyUI.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.comfyui.folders import Folders
from tests.comfyui.nodes import NODE_TYPES, Graph, NodeType

Problem = dict[str, Any]

# What values of the page become; the prompt is changed in place, as ComfyUI does.
CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
# Longer lists of choices are not written out.
CHOICES_SHOWN: Final = 20


@dataclass(frozen=True)
class Verdict:
    """`error` is None for a prompt that is taken; `outputs` are the nodes that will be executed."""

    error: Problem | None
    outputs: list[str] = field(default_factory=list)
    node_errors: dict[str, Problem] = field(default_factory=dict)


def validate(prompt: Graph, folders: Folders) -> Verdict:
    """Judge a prompt. It is taken when one output is good, and the others are told as `node_errors`."""
    for node_id, node in prompt.items():
        if "class_type" not in node:
            return Verdict(_invalid("Cannot execute because a node is missing the class_type property.", node_id))
        if node["class_type"] not in NODE_TYPES:
            return Verdict(_invalid(f"Cannot execute because node {node['class_type']} does not exist.", node_id))
    outputs = [node_id for node_id, node in prompt.items() if NODE_TYPES[node["class_type"]].output_node]
    if not outputs:
        return Verdict(_problem("prompt_no_outputs", "Prompt has no outputs", "", {}))
    return Judgement(prompt, folders).verdict(outputs)


@dataclass
class Judgement:
    """What is known of the nodes of one prompt: id to its problems, and whether it and all before it are good."""

    prompt: Graph
    folders: Folders
    problems: dict[str, list[Problem]] = field(default_factory=dict)
    good: dict[str, bool] = field(default_factory=dict)

    def verdict(self, outputs: Sequence[str]) -> Verdict:
        good, summary, node_errors = [], [], dict[str, Problem]()
        for output in outputs:
            if self._judge_output(output):
                good.append(output)
                continue
            summary += [f"{problem['message']}: {problem['details']}" for problem in self.problems[output]]
            self._blame(output, node_errors)
        if good:
            return Verdict(None, good, node_errors)
        error = _problem("prompt_outputs_failed_validation", "Prompt outputs failed validation", "\n".join(summary), {})
        return Verdict(error, [], node_errors)

    def _blame(self, output: str, node_errors: dict[str, Problem]) -> None:
        """As ComfyUI does: every node known to be wrong by now counts against this output."""
        for node_id in [node_id for node_id, good in self.good.items() if not good and self.problems[node_id]]:
            entry = node_errors.setdefault(
                node_id,
                {
                    "errors": self.problems[node_id],
                    "dependent_outputs": [],
                    "class_type": self.prompt[node_id]["class_type"],
                },
            )
            entry["dependent_outputs"].append(output)

    def _judge_output(self, output: str) -> bool:
        try:
            return self._judge(output)
        except Exception as error:  # noqa: BLE001 -- a link to nowhere is a KeyError in ComfyUI, and told as one
            facts = {"exception_type": type(error).__name__, "traceback": []}
            message = "Exception when validating node"
            self.problems[output] = [_problem("exception_during_validation", message, str(error), facts)]
            self.good[output] = False
            return False

    def _judge(self, node_id: str) -> bool:
        if node_id in self.good:
            return self.good[node_id]
        kind = NODE_TYPES[self.prompt[node_id]["class_type"]]
        inputs = self.prompt[node_id]["inputs"]
        problems: list[Problem] = []
        good = True
        for name, info in kind.required.items():
            problem, sound = self._judge_input(inputs, name, info, kind)
            problems += [problem] if problem else []
            good = good and sound
        if not problems and kind.refusal and (refused := kind.refusal(inputs, self.folders)):
            problems.append(_refused(*refused, inputs))
        self.problems[node_id] = problems
        self.good[node_id] = good and not problems
        return self.good[node_id]

    def _judge_input(
        self, inputs: dict[str, Any], name: str, info: Sequence[Any], kind: NodeType
    ) -> tuple[Problem | None, bool]:
        """Return what is wrong with the input itself, and whether what it is linked to is good."""
        if name not in inputs:
            details = {"input_name": name}
            return _problem("required_input_missing", "Required input is missing", name, details), False
        if isinstance(inputs[name], list):
            return self._judge_link(inputs[name], name, info)
        return _judge_value(inputs, name, info, choices_count=kind.refusal is None), True

    def _judge_link(self, link: list[Any], name: str, info: Sequence[Any]) -> tuple[Problem | None, bool]:
        if len(link) != 2:
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return _problem("bad_linked_input", message, name, _about(name, info, received_value=link)), False
        source, slot = link
        received = NODE_TYPES[self.prompt[source]["class_type"]].outputs[slot]
        if info[0] != "*" and received != info[0]:
            details = f"{name}, received_type({received}) mismatch input_type({info[0]})"
            facts = _about(name, info, received_type=received, linked_node=link)
            return _problem("return_type_mismatch", "Return type mismatch between linked nodes", details, facts), False
        return None, self._judge(source)


def _judge_value(inputs: dict[str, Any], name: str, info: Sequence[Any], *, choices_count: bool) -> Problem | None:
    value, kind = inputs[name], info[0]
    if isinstance(kind, list):
        return _not_in_list(name, info, value) if choices_count and value not in kind else None
    if kind in CONVERSIONS:
        try:
            value = inputs[name] = CONVERSIONS[kind](value)
        except (TypeError, ValueError, OverflowError) as error:
            message = f"Failed to convert an input value to a {kind} value"
            facts = _about(name, info, received_value=value, exception_message=str(error))
            return _problem("invalid_input_type", message, f"{name}, {value}, {error}", facts)
    return _out_of_range(name, info, value)


def _not_in_list(name: str, info: Sequence[Any], value: Any) -> Problem:
    choices = info[0]
    shown = str(choices) if len(choices) <= CHOICES_SHOWN else f"(list of length {len(choices)})"
    facts = _about(name, info, received_value=value)
    return _problem("value_not_in_list", "Value not in list", f"{name}: '{value}' not in {shown}", facts)


def _out_of_range(name: str, info: Sequence[Any], value: Any) -> Problem | None:
    options = info[1]
    facts = _about(name, info, received_value=value)
    if "min" in options and value < options["min"]:
        return _problem("value_smaller_than_min", f"Value {value} smaller than min of {options['min']}", name, facts)
    if "max" in options and value > options["max"]:
        return _problem("value_bigger_than_max", f"Value {value} bigger than max of {options['max']}", name, facts)
    return None


def _refused(name: str, sentence: str, inputs: Mapping[str, Any]) -> Problem:
    facts = {"input_name": name, "received_value": inputs[name]}
    return _problem("custom_validation_failed", "Custom validation failed for node", f"{name} - {sentence}", facts)


def _about(name: str, info: Sequence[Any], **more: Any) -> dict[str, Any]:
    return {"input_name": name, "input_config": info, **more}


def _invalid(message: str, node_id: str) -> Problem:
    return _problem("invalid_prompt", message, f"Node ID '#{node_id}'", {})


def _problem(kind: str, message: str, details: str, extra_info: dict[str, Any]) -> Problem:
    return {"type": kind, "message": message, "details": details, "extra_info": extra_info}
