"""What the clients must know of the rpcs of `bots`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from google.api import httpbody_pb2
from switchyard.bots.v1 import bot_instance_service_pb2
from switchyard.bots.v1 import run_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CREATE: Final = Method("/switchyard.bots.v1.BotInstanceService/CreateBotInstance", bot_instance_service_pb2.CreateBotInstanceRequest, bot_instance_service_pb2.CreateBotInstanceResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.bots.v1.BotInstanceService/ListBotInstances", bot_instance_service_pb2.ListBotInstancesRequest, bot_instance_service_pb2.ListBotInstancesResponse, repeatable=True), "bot_instances", paging.by_number)
GET: Final = Method("/switchyard.bots.v1.BotInstanceService/GetBotInstance", bot_instance_service_pb2.GetBotInstanceRequest, bot_instance_service_pb2.GetBotInstanceResponse, repeatable=True)
UPDATE: Final = Method("/switchyard.bots.v1.BotInstanceService/UpdateBotInstance", bot_instance_service_pb2.UpdateBotInstanceRequest, bot_instance_service_pb2.UpdateBotInstanceResponse)
DELETE: Final = Method("/switchyard.bots.v1.BotInstanceService/DeleteBotInstance", bot_instance_service_pb2.DeleteBotInstanceRequest, bot_instance_service_pb2.DeleteBotInstanceResponse, repeatable=True)
GET_CONFIG: Final = Method("/switchyard.bots.v1.BotInstanceService/GetBotConfig", bot_instance_service_pb2.GetBotConfigRequest, httpbody_pb2.HttpBody, repeatable=True)
UPLOAD_COOKIES: Final = Method("/switchyard.bots.v1.BotInstanceService/UploadCookies", bot_instance_service_pb2.UploadCookiesRequest, bot_instance_service_pb2.UploadCookiesResponse)
LIST_INPUTS: Final = Method("/switchyard.bots.v1.BotInstanceService/ListInputs", bot_instance_service_pb2.ListInputsRequest, bot_instance_service_pb2.ListInputsResponse, repeatable=True)
PUT_CAPTIONS: Final = Method("/switchyard.bots.v1.BotInstanceService/PutCaptions", bot_instance_service_pb2.PutCaptionsRequest, bot_instance_service_pb2.PutCaptionsResponse, repeatable=True)
PUT_MEDIA: Final = Method("/switchyard.bots.v1.BotInstanceService/PutMedia", bot_instance_service_pb2.PutMediaRequest, bot_instance_service_pb2.PutMediaResponse, repeatable=True)
DELETE_MEDIA: Final = Method("/switchyard.bots.v1.BotInstanceService/DeleteMedia", bot_instance_service_pb2.DeleteMediaRequest, bot_instance_service_pb2.DeleteMediaResponse, repeatable=True)
VALIDATE: Final = Method("/switchyard.bots.v1.BotInstanceService/ValidateBotInstance", bot_instance_service_pb2.ValidateBotInstanceRequest, bot_instance_service_pb2.ValidateBotInstanceResponse, repeatable=True)
COMPLETE_VALIDATION: Final = Method("/switchyard.bots.v1.BotInstanceService/CompleteValidation", bot_instance_service_pb2.CompleteValidationRequest, bot_instance_service_pb2.CompleteValidationResponse)
GET_VALIDATION: Final = Method("/switchyard.bots.v1.BotInstanceService/GetValidation", bot_instance_service_pb2.GetValidationRequest, bot_instance_service_pb2.GetValidationResponse, repeatable=True)
START: Final = Method("/switchyard.bots.v1.RunService/StartRun", run_service_pb2.StartRunRequest, run_service_pb2.StartRunResponse, repeatable=True)
STOP: Final = Method("/switchyard.bots.v1.RunService/StopRun", run_service_pb2.StopRunRequest, run_service_pb2.StopRunResponse)
LIST_RUNS: Final = Paged(Method("/switchyard.bots.v1.RunService/ListRuns", run_service_pb2.ListRunsRequest, run_service_pb2.ListRunsResponse, repeatable=True), "runs", paging.by_oldest("runs", "id"))
GET_RUN: Final = Method("/switchyard.bots.v1.RunService/GetRun", run_service_pb2.GetRunRequest, run_service_pb2.GetRunResponse, repeatable=True)
LIST_RUN_LOGS: Final = Paged(Method("/switchyard.bots.v1.RunService/ListRunLogs", run_service_pb2.ListRunLogsRequest, run_service_pb2.ListRunLogsResponse, repeatable=True), "lines", paging.by_after)
DOWNLOAD_RUN_LOG: Final = Method("/switchyard.bots.v1.RunService/DownloadRunLog", run_service_pb2.DownloadRunLogRequest, httpbody_pb2.HttpBody, repeatable=True)
WATCH_LOGS: Final = Method("/switchyard.bots.v1.RunService/WatchLogs", run_service_pb2.WatchLogsRequest, run_service_pb2.WatchLogsResponse, repeatable=True, resumes=resume.behind_cursor)
LIST_ARTIFACTS: Final = Method("/switchyard.bots.v1.RunService/ListArtifacts", run_service_pb2.ListArtifactsRequest, run_service_pb2.ListArtifactsResponse, repeatable=True)
DOWNLOAD_ARTIFACT: Final = Method("/switchyard.bots.v1.RunService/DownloadArtifact", run_service_pb2.DownloadArtifactRequest, httpbody_pb2.HttpBody, repeatable=True)
