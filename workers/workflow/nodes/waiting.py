"""Nodes that wait, and nodes that say something."""

import asyncio
from collections.abc import Mapping
from typing import Final

from workers.flow.host import Level
from workers.workflow.errors import NodeFailed
from workers.workflow.registry import Given, Input, NodeType, Result
from workers.workflow.step import Step
from workers.workflow.values import as_text

_LONGEST_SECONDS = 86_400
_LEVELS: Final[Mapping[str, Level]] = {
    "debug": "debug",
    "info": "info",
    "success": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "critical": "error",
}


async def _wait(given: Given, _step: Step) -> Result:
    seconds = given["duration_ms"] / 1000 if given["duration_ms"] is not None else given["duration"]
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise NodeFailed(f"it can wait for 0 to {_LONGEST_SECONDS:,} seconds, not {seconds:g}")
    await asyncio.sleep(seconds)
    return {}


def _log(given: Given, step: Step) -> Result:
    step.log(_LEVELS[given["level"]], as_text(given["message"]))
    return {}


NODES = (
    NodeType(
        "WaitNode",
        "control",
        "Waits a number of seconds.",
        _wait,
        inputs=(
            Input(
                "duration",
                "number",
                default=1,
                aliases=("seconds", "duration_seconds", "wait_time", "wait_time_seconds", "delay"),
            ),
            Input("duration_ms", "number", aliases=("milliseconds", "delay_ms")),
        ),
        aliases=("DelayNode", "SleepNode"),
    ),
    NodeType(
        "LogNode",
        "data",
        "Writes a line into the log of the run.",
        _log,
        inputs=(
            Input("message", default="", aliases=("text",)),
            Input(
                "level",
                "text",
                default="info",
                choices=tuple(_LEVELS),
            ),
        ),
        aliases=("DebugNode", "PrintNode"),
    ),
)
