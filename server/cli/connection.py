"""The way from a command to the server: which address, with which credential, over which channel."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from server.cli.addresses import credentials_file, is_this_machine, reachable, shown
from server.cli.failures import CommandFailed, ExitCode, error_info, from_status
from server.config import ConfigInvalid, ServerConfig
from switchyard.auth.v1 import (
    api_token_service_pb2_grpc,
    audit_service_pb2_grpc,
    auth_service_pb2_grpc,
    user_service_pb2_grpc,
)
from switchyard.bots.v1 import bot_instance_service_pb2_grpc, run_service_pb2_grpc, webhook_service_pb2_grpc
from switchyard.comfy.v1 import session_service_pb2_grpc
from switchyard.comfy.v1 import workflow_service_pb2_grpc as comfy_workflow_service_pb2_grpc
from switchyard.environments.v1 import (
    activity_service_pb2_grpc,
    cost_service_pb2_grpc,
    environment_schedule_service_pb2_grpc,
    environment_service_pb2_grpc,
    output_service_pb2_grpc,
    quota_service_pb2_grpc,
    reconciliation_service_pb2_grpc,
    template_service_pb2_grpc,
)
from switchyard.orchestrator.v1 import (
    fleet_service_pb2_grpc,
    job_service_pb2_grpc,
    metrics_service_pb2_grpc,
    node_type_service_pb2_grpc,
    schedule_service_pb2_grpc,
    secret_service_pb2_grpc,
    workflow_service_pb2_grpc,
)
from switchyard.system.v1 import system_service_pb2_grpc
from switchyard.tasks.v1 import task_service_pb2_grpc
from switchyard.telemetry.v1 import event_service_pb2_grpc, proxy_service_pb2_grpc, statistics_service_pb2_grpc
from switchyard.telemetry.v1 import session_service_pb2_grpc as browser_session_service_pb2_grpc

# A call that answers at once.
CALL_SECONDS: Final = 30.0
CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


@dataclass(frozen=True)
class Target:
    """A server and what we show it. `address` is HOST:PORT as gRPC takes it."""

    address: str
    api_key: str | None = field(default=None, repr=False)


class Connection:
    """The services of one server, as stubs."""

    def __init__(self, channel: grpc.Channel, address: str) -> None:
        self.address = address
        self.bots = bot_instance_service_pb2_grpc.BotInstanceServiceStub(channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(channel)
        self.webhooks = webhook_service_pb2_grpc.WebhookServiceStub(channel)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        self.auth = auth_service_pb2_grpc.AuthServiceStub(channel)
        self.users = user_service_pb2_grpc.UserServiceStub(channel)
        self.api_tokens = api_token_service_pb2_grpc.ApiTokenServiceStub(channel)
        self.audit = audit_service_pb2_grpc.AuditServiceStub(channel)
        self.system = system_service_pb2_grpc.SystemServiceStub(channel)
        self.statistics = statistics_service_pb2_grpc.StatisticsServiceStub(channel)
        self.browser_sessions = browser_session_service_pb2_grpc.SessionServiceStub(channel)
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.proxies = proxy_service_pb2_grpc.ProxyServiceStub(channel)
        self.metrics = metrics_service_pb2_grpc.MetricsServiceStub(channel)
        self.workflows = workflow_service_pb2_grpc.WorkflowServiceStub(channel)
        self.node_types = node_type_service_pb2_grpc.NodeTypeServiceStub(channel)
        self.jobs = job_service_pb2_grpc.JobServiceStub(channel)
        self.schedules = schedule_service_pb2_grpc.ScheduleServiceStub(channel)
        self.secrets = secret_service_pb2_grpc.SecretServiceStub(channel)
        self.fleet = fleet_service_pb2_grpc.FleetServiceStub(channel)
        self.comfy_sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        self.comfy_workflows = comfy_workflow_service_pb2_grpc.WorkflowServiceStub(channel)
        self.environments = environment_service_pb2_grpc.EnvironmentServiceStub(channel)
        self.environment_activity = activity_service_pb2_grpc.ActivityServiceStub(channel)
        self.environment_output = output_service_pb2_grpc.OutputServiceStub(channel)
        self.environment_costs = cost_service_pb2_grpc.CostServiceStub(channel)
        self.environment_quotas = quota_service_pb2_grpc.QuotaServiceStub(channel)
        self.environment_schedules = environment_schedule_service_pb2_grpc.EnvironmentScheduleServiceStub(channel)
        self.environment_templates = template_service_pb2_grpc.TemplateServiceStub(channel)
        self.reconciliation = reconciliation_service_pb2_grpc.ReconciliationServiceStub(channel)


def find_target(server: str | None, api_key: str | None, environ: Mapping[str, str]) -> Target:
    """Return the server to call: the one that is named, else the one that the environment describes.

    Without a credential of the caller's, the API key in the data folder is used, but shown to this machine only.

    Raises:
        CommandFailed: the environment describes no server.
    """
    try:
        config = ServerConfig.from_environment(environ)
    except ConfigInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    address = server or f"{shown(reachable(config.grpc_host))}:{config.grpc_port}"
    if api_key is None and is_this_machine(address):
        api_key = config.api_key or stored_api_key(credentials_file(config))
    return Target(address, api_key)


def stored_api_key(credentials: Path) -> str | None:
    """Return the API key that the server has made; None when the file is not there or not ours to read."""
    try:
        lines = credentials.read_text("utf-8").splitlines()
    except (FileNotFoundError, PermissionError):
        return None
    values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return values.get("API_KEY", "").strip("\"'") or None


@contextmanager
def connect(target: Target) -> Iterator[Connection]:
    """Open a channel for the block. Calls in it that the server refuses end as CommandFailed."""
    with grpc.insecure_channel(target.address, options=CHANNEL_OPTIONS) as channel:
        credential = Credential(target.api_key)
        try:
            yield Connection(grpc.intercept_channel(channel, credential), target.address)
        except grpc.RpcError as error:
            # Every error a stub raises is a Call as well; grpc says so only in its prose.
            call: Any = error
            info = error_info(call.trailing_metadata() or ())
            raise from_status(call.code(), call.details() or "", server=target.address, info=info) from error


class Credential(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[type-arg]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[type-arg]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[type-arg]
):
    """Puts the credential on each call, and a deadline on those that answer at once."""

    def __init__(self, api_key: str | None) -> None:
        self._metadata = (("x-api-key", api_key),) if api_key else ()

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Add the credential and the deadline."""
        return continuation(self._with(details, timeout=details.timeout or CALL_SECONDS), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        """Add the credential; a stream may stay open as long as it likes."""
        return continuation(self._with(details, timeout=details.timeout), request)

    def intercept_stream_unary(self, continuation: Any, details: Any, requests: Any) -> Any:
        """Add the credential; an upload takes its time."""
        return continuation(self._with(details, timeout=details.timeout), requests)

    def _with(self, details: Any, *, timeout: float | None) -> Any:
        return CallDetails(
            method=details.method,
            timeout=timeout,
            metadata=(*(details.metadata or ()), *self._metadata),
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
            compression=details.compression,
        )


@dataclass(frozen=True)
class CallDetails(grpc.ClientCallDetails):
    """The details of a call, as an interceptor hands them on."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...] | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: Any
