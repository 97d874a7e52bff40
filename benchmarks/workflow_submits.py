"""Workflows submitted by 32 clients, each with its version and its job on disk before it is answered."""

import tempfile
from pathlib import Path

import orjson

from benchmarks.load import measure
from benchmarks.orchestrator import SETTINGS, headers, publish_node_types
from benchmarks.result import Row, percentile
from tests.end_to_end.system import System

CLIENTS, ROUNDS, SECONDS = 32, 3, 4.0
PER_SECOND = 1_000
WORKFLOW = {
    "workflow_name": "Daily report",
    "workflow_json": {
        "nodes": [
            {"id": "start", "type": "StartNode"},
            {"id": "name", "type": "SetVariableNode", "config": {"variable_name": "name", "value": "World"}},
            {"id": "say", "type": "LogNode", "config": {"message": "Hello {{name}}"}},
            {"id": "end", "type": "EndNode"},
        ],
        "connections": [
            {"source_node": one, "source_port": "exec_out", "target_node": other, "target_port": "exec_in"}
            for one, other in (("start", "name"), ("name", "say"), ("say", "end"))
        ],
    },
    "priority": 5,
}


def run() -> list[Row]:
    """Submit the same workflow again and again; each time it is a new one."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start_server()
        publish_node_types(system, ["StartNode", "SetVariableNode", "LogNode", "EndNode"])
        sent, body = headers(system), orjson.dumps(WORKFLOW)
        rates = [
            measure(
                system.http_port,
                "/api/v1/workflows",
                connections=CLIENTS,
                seconds=SECONDS,
                method="POST",
                body=body,
                headers=sent,
            ).per_second
            for _ in range(ROUNDS)
        ]
    rate = percentile(rates, 0.5)
    return [Row("POST /api/v1/workflows, 32 clients, stored", ">= 1,000/s", f"{rate:,.0f}/s", rate >= PER_SECOND)]
