"""What happens when a node fails: try, catch, finally, retry; and nodes that fail on purpose."""

from typing import Any

from workers.workflow.blocks import GoTo, Jump, LeaveFrom
from workers.workflow.errors import AssertionFailed, NodeFailed
from workers.workflow.graph_index import IndexedNode
from workers.workflow.pairs import Parts, parts_of_tries
from workers.workflow.registry import EXEC_OUT, Given, Input, Leave, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.tries import Guard, Pauses, Retry, Stages
from workers.workflow.values import as_text

CATEGORY = "control"
_LONGEST_PAUSE_SECONDS = 3600.0


def _try(_given: Given, step: Step) -> Result:
    return Guard(step.once(lambda: _stages(step)))


def _try_reopened(state: Any, step: Step) -> Guard:
    return Guard.reopened(state, step.once(lambda: _stages(step)))


def _stages(step: Step) -> Stages:
    node, nodes = step.node, step.nodes
    parts = parts_of_tries(nodes).get(node.id, Parts(None, None))
    body = node.first_connected(("try_body", EXEC_OUT)) or "try_body"
    catch, final = (None if part is None else nodes[part] for part in parts)
    return Stages(
        body=body,
        catch=_part(node, "catch", catch),
        finally_=_part(node, "finally", final),
        after=_after(node, body, catch, final),
        after_body=_after_catch(catch, final),
        error_types=_words(catch.config.get("error_types") if catch is not None else None),
    )


def _part(node: IndexedNode, port: str, part: IndexedNode | None) -> GoTo | Leave | None:
    if part is not None:
        return GoTo(part.id)
    return Leave(port, {}) if port in node.edges else None


def _after(node: IndexedNode, body: str, catch: IndexedNode | None, final: IndexedNode | None) -> LeaveFrom | None:
    """Return where the run goes on behind a try."""
    if final is not None and "finally_body" in final.edges and EXEC_OUT in final.edges:
        return LeaveFrom(final.id, EXEC_OUT)
    parts = {part.id for part in (catch, final) if part is not None}
    if body != EXEC_OUT and not parts.intersection(node.edges.get(EXEC_OUT, ())) and EXEC_OUT in node.edges:
        return LeaveFrom(node.id, EXEC_OUT)
    if catch is not None and "catch_body" in catch.edges and not parts.intersection(catch.edges.get(EXEC_OUT, parts)):
        return LeaveFrom(catch.id, EXEC_OUT)
    return None


def _after_catch(catch: IndexedNode | None, final: IndexedNode | None) -> LeaveFrom | None:
    """Return where the run goes on when nothing had to be caught, and the catch has no way of its own."""
    if catch is None or "catch_body" in catch.edges or EXEC_OUT not in catch.edges:
        return None
    if final is not None and final.id in catch.edges[EXEC_OUT]:  # which has been gone already
        return None
    return LeaveFrom(catch.id, EXEC_OUT)


def _words(written: object) -> frozenset[str]:
    listed = written if isinstance(written, list) else str(written or "").split(",")
    words = frozenset(as_text(word).strip().lower() for word in listed) - {""}
    # What files call any error at all.
    return frozenset() if words & {"*", "all", "any", "exception", "error"} else words


def _catch(_given: Given, step: Step) -> Result:
    error = _guarded_error(step)
    if error is None:
        return {"error_message": "", "error_type": ""}
    outputs = {"error_message": error.reason, "error_type": error.error_type, "error_node": error.node_id}
    return Leave(step.node.first_connected(("catch_body", EXEC_OUT)) or "catch_body", outputs)


def _finally(_given: Given, step: Step) -> Result:
    port = step.node.first_connected(("finally_body", EXEC_OUT)) or "finally_body"
    return Leave(port, {"had_error": _guarded_error(step) is not None})


def _guarded_error(step: Step) -> NodeFailed | None:
    """Return the error that the innermost try around has met, None when there was none."""
    block = step.blocks[-1] if step.blocks else None
    error = block.error if isinstance(block, Guard) else None
    return error if isinstance(error, NodeFailed) else None


def _retry(given: Given, step: Step) -> Result:
    node = step.node
    body = node.first_connected(("retry_body", EXEC_OUT)) or "retry_body"
    success = node.first_connected(("success", EXEC_OUT)) if body != EXEC_OUT else "success"
    return Retry(
        body,
        _pauses(given),
        success=success or "success",
        failure="failure" if "failure" in node.edges else None,
    )


def _pauses(given: Given) -> Pauses:
    pause = max(0.0, given["delay_ms"] / 1000 if given["delay_ms"] is not None else given["delay"])
    longest = max(0.0, min(given["max_delay_ms"] / 1000, _LONGEST_PAUSE_SECONDS))
    return Pauses(given["max_attempts"] - 1, pause, max(1.0, given["backoff_multiplier"]), longest)


def _retry_success(_given: Given, step: Step) -> Result:
    block = next((block for block in reversed(step.blocks) if isinstance(block, Retry)), None)
    return {} if block is None else Jump("continue", block.owner)


def _retry_fail(given: Given, _step: Step) -> Result:
    raise NodeFailed(given["error_message"])


def _throw(given: Given, _step: Step) -> Result:
    raise NodeFailed(given["message"] or "an error was thrown", error_type=given["error_type"])


def _assert(given: Given, _step: Step) -> Result:
    if not given["condition"]:
        raise AssertionFailed(given["message"] or "what should hold does not")
    return {"passed": True}


_TRY_PORTS = ("try_body", "catch", "finally", EXEC_OUT)
_TRY_PORT_ALIASES = {
    "try": "try_body",
    "body": "try_body",
    "protected_body": "try_body",
    "catch_body": "catch",
    "error": "catch",
    "on_error": "catch",
    "finally_body": "finally",
    "success": EXEC_OUT,
    "completed": EXEC_OUT,
}

NODES = (
    NodeType(
        "TryNode",
        CATEGORY,
        "Takes the way from try_body; if a node of it fails that of its catch, and in every case that of its finally.",
        _try,
        aliases=("TryCatchNode", "TryCatchFinallyNode", "OnErrorNode"),
        exec_ports=_TRY_PORTS,
        port_aliases=_TRY_PORT_ALIASES,
        reopen=_try_reopened,
    ),
    NodeType(
        "CatchNode",
        CATEGORY,
        "Where a try goes on when a node in it has failed.",
        _catch,
        inputs=(Input("error_types", default=""),),
        outputs=(Output("error_message", "text"), Output("error_type", "text"), Output("error_node", "text")),
        exec_ports=("catch_body", EXEC_OUT),
        exec_inputs=("exec_in", "error", "error_in"),
        role="part",
    ),
    NodeType(
        "FinallyNode",
        CATEGORY,
        "Where a try goes on in every case.",
        _finally,
        outputs=(Output("had_error", "boolean"),),
        exec_ports=("finally_body", EXEC_OUT),
        role="part",
    ),
    NodeType(
        "RetryNode",
        CATEGORY,
        "Takes the way from retry_body, again when a node of it fails; then leaves by success or failure.",
        _retry,
        inputs=(
            Input("max_attempts", "integer", default=3, aliases=("max_retries", "attempts")),
            Input("delay_ms", "number", aliases=("initial_delay_ms",)),
            Input("delay", "number", default=1, aliases=("delay_seconds", "initial_delay")),
            Input("backoff_multiplier", "number", default=2, aliases=("backoff",)),
            Input("max_delay_ms", "number", default=30_000),
        ),
        outputs=(
            Output("attempt_number", "integer", aliases=("attempt",)),
            Output("error_message", "text", aliases=("last_error",)),
            Output("error_type", "text"),
        ),
        exec_ports=("retry_body", "success", "failure", EXEC_OUT),
        port_aliases={"body": "retry_body", "failed": "failure", "completed": "success"},
        exec_inputs=("exec_in", "retry", "loop_back"),
        reopen=lambda state, _: Retry.reopened(state),
    ),
    NodeType(
        "RetrySuccessNode",
        CATEGORY,
        "Ends the tries of the retry around it: this one was good.",
        _retry_success,
        aliases=("RetryEndNode",),
        role="part",
    ),
    NodeType(
        "RetryFailNode",
        CATEGORY,
        "Fails, so that the retry around it tries again.",
        _retry_fail,
        inputs=(Input("error_message", "text", default="this try failed", aliases=("message",)),),
        role="part",
    ),
    NodeType(
        "ThrowErrorNode",
        CATEGORY,
        "Fails with a message and a type of error.",
        _throw,
        inputs=(
            Input("message", "text", default="", aliases=("error_message",)),
            Input("error_type", "text", default="Error"),
        ),
        aliases=("RaiseErrorNode", "ThrowNode"),
    ),
    NodeType(
        "AssertNode",
        CATEGORY,
        "Fails unless its condition holds.",
        _assert,
        inputs=(
            Input("condition", "condition", required=True, aliases=("expression",)),
            Input("message", "text", default="", aliases=("error_message",)),
        ),
        outputs=(Output("passed", "boolean", aliases=("result",)),),
    ),
)
