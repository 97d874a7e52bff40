"""What the clients must know of the rpcs of `comfy`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from google.api import httpbody_pb2
from switchyard.comfy.v1 import session_service_pb2
from switchyard.comfy.v1 import workflow_service_pb2

from ... import paging, resume
from ...method import Method, Paged

START_SESSION: Final = Method("/switchyard.comfy.v1.SessionService/StartSession", session_service_pb2.StartSessionRequest, session_service_pb2.StartSessionResponse, repeatable=True)
STOP_SESSION: Final = Method("/switchyard.comfy.v1.SessionService/StopSession", session_service_pb2.StopSessionRequest, session_service_pb2.StopSessionResponse)
GET_SESSION_STATUS: Final = Method("/switchyard.comfy.v1.SessionService/GetSessionStatus", session_service_pb2.GetSessionStatusRequest, session_service_pb2.GetSessionStatusResponse, repeatable=True)
LIST_SESSIONS: Final = Paged(Method("/switchyard.comfy.v1.SessionService/ListSessions", session_service_pb2.ListSessionsRequest, session_service_pb2.ListSessionsResponse, repeatable=True), "sessions", paging.by_token)
OPEN_WORKFLOW: Final = Method("/switchyard.comfy.v1.WorkflowService/OpenWorkflow", workflow_service_pb2.OpenWorkflowRequest, workflow_service_pb2.OpenWorkflowResponse)
QUEUE_WORKFLOW: Final = Method("/switchyard.comfy.v1.WorkflowService/QueueWorkflow", workflow_service_pb2.QueueWorkflowRequest, workflow_service_pb2.QueueWorkflowResponse, repeatable=True)
GET_WORKFLOW_STATUS: Final = Method("/switchyard.comfy.v1.WorkflowService/GetWorkflowStatus", workflow_service_pb2.GetWorkflowStatusRequest, workflow_service_pb2.GetWorkflowStatusResponse, repeatable=True)
LIST_PROMPTS: Final = Paged(Method("/switchyard.comfy.v1.WorkflowService/ListPrompts", workflow_service_pb2.ListPromptsRequest, workflow_service_pb2.ListPromptsResponse, repeatable=True), "prompts", paging.by_token)
GET_PROMPT: Final = Method("/switchyard.comfy.v1.WorkflowService/GetPrompt", workflow_service_pb2.GetPromptRequest, workflow_service_pb2.GetPromptResponse, repeatable=True)
CANCEL_PROMPT: Final = Method("/switchyard.comfy.v1.WorkflowService/CancelPrompt", workflow_service_pb2.CancelPromptRequest, workflow_service_pb2.CancelPromptResponse)
WATCH_PROMPT: Final = Method("/switchyard.comfy.v1.WorkflowService/WatchPrompt", workflow_service_pb2.WatchPromptRequest, workflow_service_pb2.WatchPromptResponse, repeatable=True, resumes=resume.from_present)
WATCH_SESSION: Final = Method("/switchyard.comfy.v1.WorkflowService/WatchSession", workflow_service_pb2.WatchSessionRequest, workflow_service_pb2.WatchSessionResponse, repeatable=True, resumes=resume.from_present)
LIST_PROMPT_RESULTS: Final = Method("/switchyard.comfy.v1.WorkflowService/ListPromptResults", workflow_service_pb2.ListPromptResultsRequest, workflow_service_pb2.ListPromptResultsResponse, repeatable=True)
DOWNLOAD_PROMPT_RESULT: Final = Method("/switchyard.comfy.v1.WorkflowService/DownloadPromptResult", workflow_service_pb2.DownloadPromptResultRequest, httpbody_pb2.HttpBody, repeatable=True)
