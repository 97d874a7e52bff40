"""What the clients must know of the rpcs of `environments`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.environments.v1 import activity_service_pb2
from switchyard.environments.v1 import agent_service_pb2
from switchyard.environments.v1 import cost_service_pb2
from switchyard.environments.v1 import environment_schedule_service_pb2
from switchyard.environments.v1 import environment_service_pb2
from switchyard.environments.v1 import output_service_pb2
from switchyard.environments.v1 import quota_service_pb2
from switchyard.environments.v1 import reconciliation_service_pb2
from switchyard.environments.v1 import template_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CREATE: Final = Method("/switchyard.environments.v1.EnvironmentService/CreateEnvironment", environment_service_pb2.CreateEnvironmentRequest, environment_service_pb2.CreateEnvironmentResponse, repeatable=True)
GET: Final = Method("/switchyard.environments.v1.EnvironmentService/GetEnvironment", environment_service_pb2.GetEnvironmentRequest, environment_service_pb2.GetEnvironmentResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.environments.v1.EnvironmentService/ListEnvironments", environment_service_pb2.ListEnvironmentsRequest, environment_service_pb2.ListEnvironmentsResponse, repeatable=True), "environments", paging.by_number)
UPDATE: Final = Method("/switchyard.environments.v1.EnvironmentService/UpdateEnvironment", environment_service_pb2.UpdateEnvironmentRequest, environment_service_pb2.UpdateEnvironmentResponse)
START: Final = Method("/switchyard.environments.v1.EnvironmentService/StartEnvironment", environment_service_pb2.StartEnvironmentRequest, environment_service_pb2.StartEnvironmentResponse, repeatable=True)
STOP: Final = Method("/switchyard.environments.v1.EnvironmentService/StopEnvironment", environment_service_pb2.StopEnvironmentRequest, environment_service_pb2.StopEnvironmentResponse)
DELETE: Final = Method("/switchyard.environments.v1.EnvironmentService/DeleteEnvironment", environment_service_pb2.DeleteEnvironmentRequest, environment_service_pb2.DeleteEnvironmentResponse, repeatable=True)
WATCH: Final = Method("/switchyard.environments.v1.EnvironmentService/WatchEnvironment", environment_service_pb2.WatchEnvironmentRequest, environment_service_pb2.WatchEnvironmentResponse, repeatable=True, resumes=resume.from_present)
LIST_PORTS: Final = Method("/switchyard.environments.v1.EnvironmentService/ListPorts", environment_service_pb2.ListPortsRequest, environment_service_pb2.ListPortsResponse, repeatable=True)
STREAM_LOGS: Final = Method("/switchyard.environments.v1.OutputService/StreamLogs", output_service_pb2.StreamLogsRequest, output_service_pb2.StreamLogsResponse, repeatable=True)
EXEC: Final = Method("/switchyard.environments.v1.OutputService/Exec", output_service_pb2.ExecRequest, output_service_pb2.ExecResponse)
REPORT_ACTIVITY: Final = Method("/switchyard.environments.v1.ActivityService/ReportActivity", activity_service_pb2.ReportActivityRequest, activity_service_pb2.ReportActivityResponse)
KEEP_AWAKE: Final = Method("/switchyard.environments.v1.ActivityService/KeepAwake", activity_service_pb2.KeepAwakeRequest, activity_service_pb2.KeepAwakeResponse, repeatable=True)
LET_SLEEP: Final = Method("/switchyard.environments.v1.ActivityService/LetSleep", activity_service_pb2.LetSleepRequest, activity_service_pb2.LetSleepResponse, repeatable=True)
LIST_DECISIONS: Final = Paged(Method("/switchyard.environments.v1.ActivityService/ListDecisions", activity_service_pb2.ListDecisionsRequest, activity_service_pb2.ListDecisionsResponse, repeatable=True), "decisions", paging.by_token)
GET_COST: Final = Method("/switchyard.environments.v1.CostService/GetCost", cost_service_pb2.GetCostRequest, cost_service_pb2.GetCostResponse, repeatable=True)
ESTIMATE_COST: Final = Method("/switchyard.environments.v1.CostService/EstimateCost", cost_service_pb2.EstimateCostRequest, cost_service_pb2.EstimateCostResponse, repeatable=True)
CREATE_SCHEDULE: Final = Method("/switchyard.environments.v1.EnvironmentScheduleService/CreateEnvironmentSchedule", environment_schedule_service_pb2.CreateEnvironmentScheduleRequest, environment_schedule_service_pb2.CreateEnvironmentScheduleResponse, repeatable=True)
LIST_SCHEDULES: Final = Method("/switchyard.environments.v1.EnvironmentScheduleService/ListEnvironmentSchedules", environment_schedule_service_pb2.ListEnvironmentSchedulesRequest, environment_schedule_service_pb2.ListEnvironmentSchedulesResponse, repeatable=True)
DELETE_SCHEDULE: Final = Method("/switchyard.environments.v1.EnvironmentScheduleService/DeleteEnvironmentSchedule", environment_schedule_service_pb2.DeleteEnvironmentScheduleRequest, environment_schedule_service_pb2.DeleteEnvironmentScheduleResponse, repeatable=True)
CREATE_TEMPLATE: Final = Method("/switchyard.environments.v1.TemplateService/CreateTemplate", template_service_pb2.CreateTemplateRequest, template_service_pb2.CreateTemplateResponse, repeatable=True)
GET_TEMPLATE: Final = Method("/switchyard.environments.v1.TemplateService/GetTemplate", template_service_pb2.GetTemplateRequest, template_service_pb2.GetTemplateResponse, repeatable=True)
LIST_TEMPLATES: Final = Paged(Method("/switchyard.environments.v1.TemplateService/ListTemplates", template_service_pb2.ListTemplatesRequest, template_service_pb2.ListTemplatesResponse, repeatable=True), "templates", paging.by_token)
UPDATE_TEMPLATE: Final = Method("/switchyard.environments.v1.TemplateService/UpdateTemplate", template_service_pb2.UpdateTemplateRequest, template_service_pb2.UpdateTemplateResponse, repeatable=True)
DELETE_TEMPLATE: Final = Method("/switchyard.environments.v1.TemplateService/DeleteTemplate", template_service_pb2.DeleteTemplateRequest, template_service_pb2.DeleteTemplateResponse, repeatable=True)
GET_QUOTA: Final = Method("/switchyard.environments.v1.QuotaService/GetQuota", quota_service_pb2.GetQuotaRequest, quota_service_pb2.GetQuotaResponse, repeatable=True)
SET_QUOTA: Final = Method("/switchyard.environments.v1.QuotaService/SetQuota", quota_service_pb2.SetQuotaRequest, quota_service_pb2.SetQuotaResponse, repeatable=True)
RESET_QUOTA: Final = Method("/switchyard.environments.v1.QuotaService/ResetQuota", quota_service_pb2.ResetQuotaRequest, quota_service_pb2.ResetQuotaResponse, repeatable=True)
RECONCILE: Final = Method("/switchyard.environments.v1.ReconciliationService/Reconcile", reconciliation_service_pb2.ReconcileRequest, reconciliation_service_pb2.ReconcileResponse)
GET_RECONCILIATION: Final = Method("/switchyard.environments.v1.ReconciliationService/GetReconciliation", reconciliation_service_pb2.GetReconciliationRequest, reconciliation_service_pb2.GetReconciliationResponse, repeatable=True)
LIST_ORPHANS: Final = Paged(Method("/switchyard.environments.v1.ReconciliationService/ListOrphans", reconciliation_service_pb2.ListOrphansRequest, reconciliation_service_pb2.ListOrphansResponse, repeatable=True), "orphans", paging.by_token)
REMOVE_ORPHAN: Final = Method("/switchyard.environments.v1.ReconciliationService/RemoveOrphan", reconciliation_service_pb2.RemoveOrphanRequest, reconciliation_service_pb2.RemoveOrphanResponse, repeatable=True)
GET_AGENT: Final = Method("/switchyard.environments.v1.AgentService/GetAgent", agent_service_pb2.GetAgentRequest, agent_service_pb2.GetAgentResponse, repeatable=True)
GET_AGENT_HEALTH: Final = Method("/switchyard.environments.v1.AgentService/GetAgentHealth", agent_service_pb2.GetAgentHealthRequest, agent_service_pb2.GetAgentHealthResponse, repeatable=True)
GET_AGENT_READINESS: Final = Method("/switchyard.environments.v1.AgentService/GetAgentReadiness", agent_service_pb2.GetAgentReadinessRequest, agent_service_pb2.GetAgentReadinessResponse, repeatable=True)
GET_AGENT_LIVENESS: Final = Method("/switchyard.environments.v1.AgentService/GetAgentLiveness", agent_service_pb2.GetAgentLivenessRequest, agent_service_pb2.GetAgentLivenessResponse, repeatable=True)
