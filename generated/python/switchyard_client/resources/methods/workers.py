"""What the clients must know of the rpcs of `workers`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.bots.v1 import bot_worker_service_pb2
from switchyard.comfy.v1 import comfy_worker_service_pb2
from switchyard.environments.v1 import provisioning_service_pb2
from switchyard.orchestrator.v1 import job_worker_service_pb2
from switchyard.tasks.v1 import worker_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CLAIM_TASK: Final = Method("/switchyard.tasks.v1.WorkerService/ClaimTask", worker_service_pb2.ClaimTaskRequest, worker_service_pb2.ClaimTaskResponse)
RENEW_LEASE: Final = Method("/switchyard.tasks.v1.WorkerService/RenewLease", worker_service_pb2.RenewLeaseRequest, worker_service_pb2.RenewLeaseResponse)
WATCH_CANCEL: Final = Method("/switchyard.tasks.v1.WorkerService/WatchCancel", worker_service_pb2.WatchCancelRequest, worker_service_pb2.WatchCancelResponse, resumes=resume.from_present)
APPEND_LOG: Final = Method("/switchyard.tasks.v1.WorkerService/AppendLog", worker_service_pb2.AppendLogRequest, worker_service_pb2.AppendLogResponse)
REPORT_PROGRESS: Final = Method("/switchyard.tasks.v1.WorkerService/ReportProgress", worker_service_pb2.ReportProgressRequest, worker_service_pb2.ReportProgressResponse)
UPLOAD_ARTIFACT: Final = Method("/switchyard.tasks.v1.WorkerService/UploadArtifact", worker_service_pb2.UploadArtifactRequest, worker_service_pb2.UploadArtifactResponse)
FINISH_TASK: Final = Method("/switchyard.tasks.v1.WorkerService/FinishTask", worker_service_pb2.FinishTaskRequest, worker_service_pb2.FinishTaskResponse)
RELEASE_TASK: Final = Method("/switchyard.tasks.v1.WorkerService/ReleaseTask", worker_service_pb2.ReleaseTaskRequest, worker_service_pb2.ReleaseTaskResponse)
RESOLVE_ADDRESS: Final = Method("/switchyard.tasks.v1.WorkerService/ResolveAddress", worker_service_pb2.ResolveAddressRequest, worker_service_pb2.ResolveAddressResponse)
FETCH_FILES: Final = Method("/switchyard.bots.v1.BotWorkerService/FetchFiles", bot_worker_service_pb2.FetchFilesRequest, bot_worker_service_pb2.FetchFilesResponse)
SAVE_STATE: Final = Method("/switchyard.bots.v1.BotWorkerService/SaveState", bot_worker_service_pb2.SaveStateRequest, bot_worker_service_pb2.SaveStateResponse)
REPORT_VALIDATION: Final = Method("/switchyard.bots.v1.BotWorkerService/ReportValidation", bot_worker_service_pb2.ReportValidationRequest, bot_worker_service_pb2.ReportValidationResponse)
GET_DELIVERY: Final = Method("/switchyard.bots.v1.BotWorkerService/GetDelivery", bot_worker_service_pb2.GetDeliveryRequest, bot_worker_service_pb2.GetDeliveryResponse)
GET_SESSION_PLAN: Final = Method("/switchyard.comfy.v1.ComfyWorkerService/GetSessionPlan", comfy_worker_service_pb2.GetSessionPlanRequest, comfy_worker_service_pb2.GetSessionPlanResponse)
REPORT_READY: Final = Method("/switchyard.comfy.v1.ComfyWorkerService/ReportReady", comfy_worker_service_pb2.ReportReadyRequest, comfy_worker_service_pb2.ReportReadyResponse)
FOLLOW_CALLS: Final = Method("/switchyard.comfy.v1.ComfyWorkerService/FollowCalls", comfy_worker_service_pb2.FollowCallsRequest, comfy_worker_service_pb2.FollowCallsResponse)
ANSWER_CALL: Final = Method("/switchyard.comfy.v1.ComfyWorkerService/AnswerCall", comfy_worker_service_pb2.AnswerCallRequest, comfy_worker_service_pb2.AnswerCallResponse)
CLAIM_PROMPT: Final = Method("/switchyard.comfy.v1.ComfyWorkerService/ClaimPrompt", comfy_worker_service_pb2.ClaimPromptRequest, comfy_worker_service_pb2.ClaimPromptResponse)
REPORT_PROMPT: Final = Method("/switchyard.comfy.v1.ComfyWorkerService/ReportPrompt", comfy_worker_service_pb2.ReportPromptRequest, comfy_worker_service_pb2.ReportPromptResponse)
GET_ENVIRONMENT_PLAN: Final = Method("/switchyard.environments.v1.ProvisioningService/GetEnvironmentPlan", provisioning_service_pb2.GetEnvironmentPlanRequest, provisioning_service_pb2.GetEnvironmentPlanResponse)
REPORT_FOUND: Final = Method("/switchyard.environments.v1.ProvisioningService/ReportFound", provisioning_service_pb2.ReportFoundRequest, provisioning_service_pb2.ReportFoundResponse)
GET_JOB_GRAPH: Final = Method("/switchyard.orchestrator.v1.JobWorkerService/GetJobGraph", job_worker_service_pb2.GetJobGraphRequest, job_worker_service_pb2.GetJobGraphResponse)
