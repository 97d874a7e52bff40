"""The words that arguments may have in place of the numbers of enums.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from switchyard.auth.v1 import access_pb2 as auth_access_pb2
    from switchyard.auth.v1 import audit_service_pb2 as auth_audit_service_pb2
    from switchyard.bots.v1 import bot_instance_pb2 as bots_bot_instance_pb2
    from switchyard.comfy.v1 import prompt_pb2 as comfy_prompt_pb2
    from switchyard.comfy.v1 import session_pb2 as comfy_session_pb2
    from switchyard.comfy.v1 import workflow_service_pb2 as comfy_workflow_service_pb2
    from switchyard.environments.v1 import environment_pb2 as environments_environment_pb2
    from switchyard.environments.v1 import environment_schedule_service_pb2 as environments_environment_schedule_service_pb2
    from switchyard.orchestrator.v1 import job_pb2 as orchestrator_job_pb2
    from switchyard.orchestrator.v1 import metrics_service_pb2 as orchestrator_metrics_service_pb2
    from switchyard.orchestrator.v1 import robot_pb2 as orchestrator_robot_pb2
    from switchyard.orchestrator.v1 import schedule_pb2 as orchestrator_schedule_pb2
    from switchyard.orchestrator.v1 import workflow_pb2 as orchestrator_workflow_pb2
    from switchyard.tasks.v1 import task_pb2 as tasks_task_pb2
    from switchyard.telemetry.v1 import live_service_pb2 as telemetry_live_service_pb2
    from switchyard.telemetry.v1 import session_pb2 as telemetry_session_pb2

    AuthAuditEntryOutcome: TypeAlias = Literal["done", "denied"] | auth_audit_service_pb2.AuditEntry.Outcome.ValueType
    AuthRole: TypeAlias = Literal["viewer", "operator", "developer", "admin"] | auth_access_pb2.Role.ValueType
    BotsBotInstanceStatus: TypeAlias = Literal["inactive", "active", "error"] | bots_bot_instance_pb2.BotInstance.Status.ValueType
    BotsOwnerType: TypeAlias = Literal["user", "org"] | bots_bot_instance_pb2.OwnerType.ValueType
    BotsValidationStatus: TypeAlias = Literal["pending", "valid", "invalid"] | bots_bot_instance_pb2.ValidationStatus.ValueType
    ComfyPromptStatus: TypeAlias = Literal["queued", "running", "success", "error", "cancelled", "lost"] | comfy_prompt_pb2.Prompt.Status.ValueType
    ComfyQueueWorkflowRequestSeedPolicy: TypeAlias = Literal["keep", "random", "increment", "fixed"] | comfy_workflow_service_pb2.QueueWorkflowRequest.SeedPolicy.ValueType
    ComfySessionMode: TypeAlias = Literal["browser", "api"] | comfy_session_pb2.Session.Mode.ValueType
    ComfySessionOnRestart: TypeAlias = Literal["submit_again", "lose"] | comfy_session_pb2.Session.OnRestart.ValueType
    EnvironmentsEnvironmentCloudProvider: TypeAlias = Literal["AZURE", "AWS", "GCP"] | environments_environment_pb2.Environment.CloudProvider.ValueType
    EnvironmentsEnvironmentStatus: TypeAlias = Literal["CREATING", "STARTING", "RUNNING", "STOPPING", "STOPPED", "ERROR", "DELETING"] | environments_environment_pb2.Environment.Status.ValueType
    EnvironmentsEnvironmentScheduleAction: TypeAlias = Literal["start", "stop"] | environments_environment_schedule_service_pb2.EnvironmentSchedule.Action.ValueType
    OrchestratorActivityEventType: TypeAlias = Literal["job_started", "job_completed", "job_failed", "robot_online", "robot_offline", "schedule_triggered", "job_cancelled"] | orchestrator_metrics_service_pb2.ActivityEvent.Type.ValueType
    OrchestratorExecutionMode: TypeAlias = Literal["lan", "internet"] | orchestrator_workflow_pb2.ExecutionMode.ValueType
    OrchestratorJobStatus: TypeAlias = Literal["pending", "claimed", "completed", "failed", "cancelled"] | orchestrator_job_pb2.Job.Status.ValueType
    OrchestratorOccurrenceStatus: TypeAlias = Literal["fired", "late", "skipped", "missed", "triggered"] | orchestrator_schedule_pb2.Occurrence.Status.ValueType
    OrchestratorRobotStatus: TypeAlias = Literal["idle", "busy", "offline"] | orchestrator_robot_pb2.Robot.Status.ValueType
    OrchestratorScheduleCatchUpPolicy: TypeAlias = Literal["skip", "once", "all"] | orchestrator_schedule_pb2.Schedule.CatchUpPolicy.ValueType
    OrchestratorScheduleOverlapPolicy: TypeAlias = Literal["skip", "allow", "cancel"] | orchestrator_schedule_pb2.Schedule.OverlapPolicy.ValueType
    OrchestratorTriggerType: TypeAlias = Literal["manual", "scheduled", "webhook"] | orchestrator_workflow_pb2.TriggerType.ValueType
    TasksTaskState: TypeAlias = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"] | tasks_task_pb2.Task.State.ValueType
    TelemetrySessionStatus: TypeAlias = Literal["active", "completed", "failed"] | telemetry_session_pb2.Session.Status.ValueType
    TelemetryWatchResponseType: TypeAlias = Literal["session_start", "session_end", "event", "stats_update", "gap"] | telemetry_live_service_pb2.WatchResponse.Type.ValueType

AuthAuditEntryOutcome_NUMBERS: Final[Mapping[Any, Any]] = {
    "done": 1,
    "denied": 2,
}

AuthRole_NUMBERS: Final[Mapping[Any, Any]] = {
    "viewer": 1,
    "operator": 2,
    "developer": 3,
    "admin": 4,
}

BotsBotInstanceStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "inactive": 1,
    "active": 2,
    "error": 3,
}

BotsOwnerType_NUMBERS: Final[Mapping[Any, Any]] = {
    "user": 1,
    "org": 2,
}

BotsValidationStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "pending": 1,
    "valid": 2,
    "invalid": 3,
}

ComfyPromptStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "queued": 1,
    "running": 2,
    "success": 3,
    "error": 4,
    "cancelled": 5,
    "lost": 6,
}

ComfyQueueWorkflowRequestSeedPolicy_NUMBERS: Final[Mapping[Any, Any]] = {
    "keep": 1,
    "random": 2,
    "increment": 3,
    "fixed": 4,
}

ComfySessionMode_NUMBERS: Final[Mapping[Any, Any]] = {
    "browser": 1,
    "api": 2,
}

ComfySessionOnRestart_NUMBERS: Final[Mapping[Any, Any]] = {
    "submit_again": 1,
    "lose": 2,
}

EnvironmentsEnvironmentCloudProvider_NUMBERS: Final[Mapping[Any, Any]] = {
    "AZURE": 1,
    "AWS": 2,
    "GCP": 3,
}

EnvironmentsEnvironmentStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "CREATING": 1,
    "STARTING": 2,
    "RUNNING": 3,
    "STOPPING": 4,
    "STOPPED": 5,
    "ERROR": 6,
    "DELETING": 7,
}

EnvironmentsEnvironmentScheduleAction_NUMBERS: Final[Mapping[Any, Any]] = {
    "start": 1,
    "stop": 2,
}

OrchestratorActivityEventType_NUMBERS: Final[Mapping[Any, Any]] = {
    "job_started": 1,
    "job_completed": 2,
    "job_failed": 3,
    "robot_online": 4,
    "robot_offline": 5,
    "schedule_triggered": 6,
    "job_cancelled": 7,
}

OrchestratorExecutionMode_NUMBERS: Final[Mapping[Any, Any]] = {
    "lan": 1,
    "internet": 2,
}

OrchestratorJobStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "pending": 1,
    "claimed": 2,
    "completed": 3,
    "failed": 4,
    "cancelled": 5,
}

OrchestratorOccurrenceStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "fired": 1,
    "late": 2,
    "skipped": 3,
    "missed": 4,
    "triggered": 5,
}

OrchestratorRobotStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "idle": 1,
    "busy": 2,
    "offline": 3,
}

OrchestratorScheduleCatchUpPolicy_NUMBERS: Final[Mapping[Any, Any]] = {
    "skip": 1,
    "once": 2,
    "all": 3,
}

OrchestratorScheduleOverlapPolicy_NUMBERS: Final[Mapping[Any, Any]] = {
    "skip": 1,
    "allow": 2,
    "cancel": 3,
}

OrchestratorTriggerType_NUMBERS: Final[Mapping[Any, Any]] = {
    "manual": 1,
    "scheduled": 2,
    "webhook": 3,
}

TasksTaskState_NUMBERS: Final[Mapping[Any, Any]] = {
    "queued": 1,
    "running": 2,
    "cancelling": 3,
    "succeeded": 4,
    "failed": 5,
    "cancelled": 6,
}

TelemetrySessionStatus_NUMBERS: Final[Mapping[Any, Any]] = {
    "active": 1,
    "completed": 2,
    "failed": 3,
}

TelemetryWatchResponseType_NUMBERS: Final[Mapping[Any, Any]] = {
    "session_start": 1,
    "session_end": 2,
    "event": 3,
    "stats_update": 4,
    "gap": 5,
}
