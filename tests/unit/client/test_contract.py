"""The methods of the client against the contract: every rpc is there, once, under the name that was published."""

import importlib
import inspect
import pkgutil
from collections import Counter
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

import switchyard
from switchyard.errors.v1 import error_reason_pb2
from switchyard_client import AsyncClient, Client, errors
from switchyard_client.method import Method, Paged
from switchyard_client.resources import methods
from switchyard_client.resources.aio import Resources
from switchyard_client.resources.reasons import REASONS

NAMES = [name for _, name, _ in pkgutil.iter_modules(methods.__path__)]


def known(name: str) -> dict[str, Method]:  # type: ignore[type-arg]
    """Return the methods of a resource by name."""
    values = vars(importlib.import_module(f"{methods.__name__}.{name}"))
    found = {key.lower(): value for key, value in values.items() if isinstance(value, Method | Paged)}
    return {key: value.method if isinstance(value, Paged) else value for key, value in found.items()}


def contract() -> set[str]:
    """Return the path of every rpc."""
    serialized = (Path(switchyard.__path__[0]) / "contract.binpb").read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(serialized).file
    return {
        f"/{file.package}.{service.name}/{method.name}"
        for file in files
        for service in file.service
        for method in service.method
    }


def test_every_rpc_is_a_method_of_one_resource() -> None:
    counts = Counter(method.path for name in NAMES for method in known(name).values())

    assert set(counts) == contract()
    assert {path: count for path, count in counts.items() if count > 1} == {}


def test_both_clients_have_every_resource_with_every_method() -> None:
    assert sorted(name for name, value in vars(Resources).items() if hasattr(value, "attrname")) == sorted(NAMES)
    for client in (AsyncClient(), Client()):
        for name in NAMES:
            there = {key for key, _ in inspect.getmembers(getattr(client, name), inspect.isroutine)}
            assert set(known(name)) <= there, name


@pytest.mark.parametrize(
    ("rpc", "method"),
    [
        ("bots.v1.BotInstanceService/ListBotInstances", "bots.list"),
        ("bots.v1.BotInstanceService/GetBotConfig", "bots.get_config"),
        ("bots.v1.RunService/StartRun", "bots.start"),
        ("bots.v1.RunService/ListRuns", "bots.list_runs"),
        ("bots.v1.WebhookService/PutWebhook", "webhooks.put"),
        ("telemetry.v1.ProxyService/GetIpStatus", "proxies.get_ip_status"),
        ("telemetry.v1.EventService/LogEvent", "events.log"),
        ("telemetry.v1.EventService/LogEvents", "events.log_many"),
        ("comfy.v1.WorkflowService/QueueWorkflow", "comfy.queue_workflow"),
        ("orchestrator.v1.WorkflowService/RunWorkflow", "workflows.run"),
        ("orchestrator.v1.MetricsService/GetJob", "jobs.get"),
        ("orchestrator.v1.LiveService/WatchRobots", "robots.watch"),
        ("environments.v1.EnvironmentScheduleService/CreateEnvironmentSchedule", "environments.create_schedule"),
        ("tasks.v1.TaskService/WatchTask", "tasks.watch"),
        ("auth.v1.ApiTokenService/RevokeApiToken", "api_tokens.revoke"),
    ],
)
def test_an_rpc_is_named_without_the_words_of_its_resource(rpc: str, method: str) -> None:
    resource, _, name = method.partition(".")

    assert known(resource)[name].path == f"/switchyard.{rpc}"


def test_both_clients_take_the_same_arguments() -> None:
    for name in NAMES:
        pair = [getattr(client, name) for client in (AsyncClient(), Client())]
        for method in known(name):
            waiting, asyncio = (list(inspect.signature(getattr(resource, method)).parameters) for resource in pair)
            assert waiting == asyncio, f"{name}.{method}"


def test_every_field_of_a_request_is_an_argument() -> None:
    client = Client()
    for name in NAMES:
        for key, method in known(name).items():
            arguments = {each.rstrip("_") for each in inspect.signature(getattr(getattr(client, name), key)).parameters}
            fields = {field.name for field in method.request.DESCRIPTOR.fields}  # type: ignore[attr-defined]
            assert "requests" in arguments or fields <= arguments, f"{name}.{key}"


def test_every_reason_of_the_contract_is_an_exception() -> None:
    reasons = {value.name for value in error_reason_pb2.ErrorReason.DESCRIPTOR.values if value.number != 0}

    assert set(REASONS) == reasons
    assert all(issubclass(kind, errors.SwitchyardError) and kind.__doc__ for kind in REASONS.values())
    assert {kind.__name__ for kind in REASONS.values()} <= set(errors.__all__)


@pytest.mark.parametrize(
    "path",
    [
        "/switchyard.bots.v1.RunService/StopRun",
        "/switchyard.bots.v1.BotInstanceService/UpdateBotInstance",  # what was changed in between would be undone
        "/switchyard.environments.v1.OutputService/Exec",
        "/switchyard.auth.v1.AuthService/Login",
        "/switchyard.tasks.v1.WorkerService/ClaimTask",
    ],
)
def test_what_could_be_done_twice_is_not_repeatable(path: str) -> None:
    assert [method.repeatable for name in NAMES for method in known(name).values() if method.path == path] == [False]


def test_streams_that_go_on_are_those_with_a_cursor_and_those_that_begin_with_the_present() -> None:
    resumed = {method.path.rpartition(".")[2] for name in NAMES for method in known(name).values() if method.resumes}

    assert resumed == {
        "RunService/WatchLogs",
        "JobService/WatchJobLogs",
        "LiveService/Watch",
        "LiveService/WatchQueue",
        "LiveService/WatchRobots",
        "WorkflowService/WatchPrompt",
        "WorkflowService/WatchSession",
        "EnvironmentService/WatchEnvironment",
        "TaskService/WatchTask",
        "WorkerService/WatchCancel",
    }
