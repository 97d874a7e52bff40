"""Which resource of the Python client library an rpc belongs to, and what its method is called there.

A method is named like its rpc without the resource's own words: `ListSchedules` is `client.schedules.list`. The names
are what users write, so a resource or a name that was published is never taken away.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

WORD: Final = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True)
class Resource:
    """One attribute of a client.

    `holds` are full names of services, or of single rpcs of services that are divided. `words` are left out of the
    names of rpcs, longest first; `names` are those that no rule gives.
    """

    name: str
    summary: str
    holds: tuple[str, ...]
    words: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """As in ApiTokens."""
        return "".join(word.capitalize() for word in self.name.split("_"))


def method_name(resource: Resource, rpc: str) -> str:
    """Return what `rpc` is called as a method of `resource`."""
    if rpc in resource.names:
        return resource.names[rpc]
    short = rpc
    for word in resource.words:
        short = re.sub(f"(?<=[a-z]){word}(?![a-z])", "", short, count=1)
        if short != rpc:
            break
    return "_".join(WORD.findall(short)).lower()


_ORCHESTRATOR: Final = "switchyard.orchestrator.v1"
_LIVE: Final = f"{_ORCHESTRATOR}.LiveService"
_METRICS: Final = f"{_ORCHESTRATOR}.MetricsService"
_ENVIRONMENTS: Final = "switchyard.environments.v1"
_TELEMETRY: Final = "switchyard.telemetry.v1"

RESOURCES: Final = (
    Resource(
        "bots",
        "Instances of bots, their files, and their runs.",
        ("switchyard.bots.v1.BotInstanceService", "switchyard.bots.v1.RunService"),
        ("BotInstances", "BotInstance", "Bot"),
        {"StartRun": "start", "StopRun": "stop"},
    ),
    Resource(
        "webhooks",
        "Where an instance tells of its runs, and what was delivered.",
        ("switchyard.bots.v1.WebhookService",),
        ("Webhook",),
    ),
    Resource(
        "sessions",
        "Browser sessions that report what they do.",
        (f"{_TELEMETRY}.SessionService", f"{_TELEMETRY}.LiveService"),
        ("Sessions", "Session"),
    ),
    Resource(
        "events",
        "Events of browser sessions.",
        (f"{_TELEMETRY}.EventService",),
        ("Events", "Event"),
        {"LogEvents": "log_many"},
    ),
    Resource("proxies", "Proxies and how fit they are.", (f"{_TELEMETRY}.ProxyService",), ("Proxies", "Proxy")),
    Resource("statistics", "Totals over browser sessions.", (f"{_TELEMETRY}.StatisticsService",), ("Statistics",)),
    Resource(
        "comfy",
        "Sessions at ComfyUI, their workflows and prompts.",
        ("switchyard.comfy.v1.SessionService", "switchyard.comfy.v1.WorkflowService"),
    ),
    Resource(
        "workflows",
        "Workflows, their versions, and the nodes they are made of.",
        (f"{_ORCHESTRATOR}.WorkflowService", f"{_ORCHESTRATOR}.NodeTypeService"),
        ("Workflows", "Workflow"),
    ),
    Resource(
        "jobs",
        "Executions of workflows.",
        (f"{_ORCHESTRATOR}.JobService", f"{_METRICS}.ListJobs", f"{_METRICS}.GetJob", f"{_LIVE}.WatchJobs"),
        ("Jobs", "Job"),
    ),
    Resource("schedules", "Workflows by the clock.", (f"{_ORCHESTRATOR}.ScheduleService",), ("Schedules", "Schedule")),
    Resource(
        "secrets",
        "Values that workflows use and nobody reads.",
        (f"{_ORCHESTRATOR}.SecretService",),
        ("Secrets", "Secret"),
    ),
    Resource(
        "robots",
        "The fleet, and what a robot itself calls.",
        (
            f"{_ORCHESTRATOR}.FleetService",
            f"{_ORCHESTRATOR}.RobotService",
            f"{_ORCHESTRATOR}.JobRunService",
            f"{_LIVE}.WatchRobots",
        ),
        ("Robots", "Robot"),
    ),
    Resource(
        "metrics",
        "What the fleet does, in numbers.",
        (
            f"{_METRICS}.GetFleetMetrics",
            f"{_METRICS}.ListRobotMetrics",
            f"{_METRICS}.GetRobotMetrics",
            f"{_METRICS}.GetAnalytics",
            f"{_METRICS}.ListActivity",
            f"{_METRICS}.CheckMetrics",
            f"{_LIVE}.WatchQueue",
        ),
    ),
    Resource(
        "environments",
        "Development environments in the clouds.",
        (
            f"{_ENVIRONMENTS}.EnvironmentService",
            f"{_ENVIRONMENTS}.OutputService",
            f"{_ENVIRONMENTS}.ActivityService",
            f"{_ENVIRONMENTS}.CostService",
            f"{_ENVIRONMENTS}.EnvironmentScheduleService",
            f"{_ENVIRONMENTS}.TemplateService",
            f"{_ENVIRONMENTS}.QuotaService",
            f"{_ENVIRONMENTS}.ReconciliationService",
            f"{_ENVIRONMENTS}.AgentService",
        ),
        ("Environments", "Environment"),
    ),
    Resource("tasks", "The pieces of work behind it all.", ("switchyard.tasks.v1.TaskService",), ("Tasks", "Task")),
    Resource("users", "Accounts of people.", ("switchyard.auth.v1.UserService",), ("Users", "User")),
    Resource(
        "api_tokens", "Credentials of programs.", ("switchyard.auth.v1.ApiTokenService",), ("ApiTokens", "ApiToken")
    ),
    Resource(
        "auth", "Sessions of people; `login` of the client keeps their tokens.", ("switchyard.auth.v1.AuthService",)
    ),
    Resource("audit", "Who did what.", ("switchyard.auth.v1.AuditService",), ("AuditEntries",)),
    Resource("health", "Whether the orchestrator is well.", (f"{_ORCHESTRATOR}.HealthService",)),
    Resource(
        "system", "The server itself.", ("switchyard.system.v1.SystemService", "switchyard.system.v1.ConsoleService")
    ),
    Resource(
        "workers",
        "What workers call; it wants the credential of a worker.",
        (
            "switchyard.tasks.v1.WorkerService",
            "switchyard.bots.v1.BotWorkerService",
            "switchyard.comfy.v1.ComfyWorkerService",
            "switchyard.environments.v1.ProvisioningService",
            f"{_ORCHESTRATOR}.JobWorkerService",
        ),
    ),
)
