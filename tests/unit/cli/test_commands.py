"""The command beside the contract: each call has a command, or a reason for having none."""

import ast
from pathlib import Path
from typing import Final

import grpc

from server import cli
from server.cli.connection import Connection
from tests.unit.test_contract import SERVICES

SOURCES: Final = sorted(Path(cli.__file__).parent.rglob("*.py"))
WORKERS: Final = "workers call it"
CONSOLE: Final = "the console shows it"
BROWSERS: Final = "whatever drives a browser calls it"

# Services and calls without a command, and why.
WITHOUT: Final = {
    "bots.v1.BotWorkerService": WORKERS,
    "comfy.v1.ComfyWorkerService": WORKERS,
    "environments.v1.ProvisioningService": WORKERS,
    "orchestrator.v1.JobRunService": WORKERS,
    "orchestrator.v1.JobWorkerService": WORKERS,
    "tasks.v1.WorkerService": WORKERS,
    "orchestrator.v1.RobotService": "robots call it, among them `switchyard robot`",
    "environments.v1.AgentService": "probes call it, over HTTP",
    "orchestrator.v1.HealthService": "probes call it, over HTTP",
    "orchestrator.v1.LiveService": CONSOLE,
    "telemetry.v1.LiveService": CONSOLE,
    "system.v1.ConsoleService": "it is a page",
    "auth.v1.AuthService/Refresh": "no command keeps a session",
    "bots.v1.BotInstanceService/CompleteValidation": "validators call it",
    "bots.v1.RunService/DownloadRunLog": "`bots logs` prints the same lines",
    "comfy.v1.WorkflowService/GetPrompt": "`comfy prompts` lists the same",
    "comfy.v1.WorkflowService/WatchSession": "`comfy queue --wait` follows its prompts",
    "environments.v1.ActivityService/ReportActivity": "supervisors call it",
    "orchestrator.v1.MetricsService/GetAnalytics": CONSOLE,
    "orchestrator.v1.MetricsService/GetFleetMetrics": CONSOLE,
    "orchestrator.v1.MetricsService/ListRobotMetrics": "`fleet list` lists the same robots",
    "orchestrator.v1.NodeTypeService/PublishNodeTypes": WORKERS,
    "orchestrator.v1.WorkflowService/TriggerWebhook": "it is the address that others call",
    "orchestrator.v1.WorkflowService/UploadWorkflow": "`workflow submit` sends the same file",
    "system.v1.SystemService/GetMetrics": "Prometheus calls it, over HTTP",
    "telemetry.v1.EventService/IngestEvents": BROWSERS,
    "telemetry.v1.EventService/LogEvent": BROWSERS,
    "telemetry.v1.EventService/LogEvents": BROWSERS,
    "telemetry.v1.ProxyService/GetIpStatus": "`proxies list` lists the same figures",
    "telemetry.v1.ProxyService/LeaseProxy": BROWSERS,
    "telemetry.v1.ProxyService/ReleaseProxy": BROWSERS,
    "telemetry.v1.SessionService/EndSession": BROWSERS,
    "telemetry.v1.SessionService/RegisterSession": BROWSERS,
    "telemetry.v1.StatisticsService/GetHealth": "probes call it, over HTTP",
    "telemetry.v1.StatisticsService/GetStatistics": CONSOLE,
}


def known_services() -> set[str]:
    """Services that a command can call."""
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        stubs = [stub for stub in vars(Connection(channel, "")).values() if not isinstance(stub, str)]
    packages = {stub: type(stub).__module__.removeprefix("switchyard.").rpartition(".")[0] for stub in stubs}
    return {f"{package}.{type(stub).__name__.removesuffix('Stub')}" for stub, package in packages.items()}


def names_in(source: Path) -> set[str]:
    """What a module reads from objects, calls of the contract among it."""
    return {node.attr for node in ast.walk(ast.parse(source.read_text("utf-8"))) if isinstance(node, ast.Attribute)}


def test_each_call_has_a_command_or_a_reason_for_having_none() -> None:
    known = known_services()
    names = set().union(*map(names_in, SOURCES))
    without = set()
    for service in SERVICES:
        name = service.full_name.removeprefix("switchyard.")
        if name in known:
            without |= {f"{name}/{method.name}" for method in service.methods if method.name not in names}
        else:
            without.add(name)

    assert without == set(WITHOUT)
