"""A program of run processes that asks all there is to ask, and tells the answers as its variables."""

import base64
import json
from typing import Any, Final

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.flow.outcome import Outcome
from workers.runner.messages import ALLOW_URL, CHECKPOINT, CHECKPOINT_FILE, WORKFLOW
from workers.runner.run_process import QuestionRefused, RunHost

QUESTIONS: Final = (ALLOW_URL, WORKFLOW, CHECKPOINT)


async def ask(host: RunHost) -> Outcome:
    """Ask, and do what only the answers of a server can follow."""
    checkpoint = host.folder / CHECKPOINT_FILE
    found: dict[str, Any] = {
        "secrets": host.job["secrets"],
        "went_on_from": checkpoint.read_text() if checkpoint.exists() else "",
    }
    checkpoint.write_bytes(b"where the run is")
    report = host.folder / "report.csv"
    report.write_text("a,b\n")
    host.artifact("result", report)
    host.browser_event("navigate", {"url": "about:blank"})
    for question, value in ((ALLOW_URL, "http://example.com"), (WORKFLOW, "other"), (CHECKPOINT, None), ("weather", 1)):
        try:
            found[question] = await host.ask(question, value)
        except QuestionRefused as refusal:
            found[question] = f"refused: {refusal}"
    if isinstance(found[WORKFLOW], list):
        workflow_id, graph, secrets = found[WORKFLOW]
        found[WORKFLOW] = [workflow_id, Graph.FromString(base64.b64decode(graph)).nodes[0].id, secrets]
    host.tell("values", [json.dumps(found), "{}"])
    return Outcome("succeeded", 0, {})
