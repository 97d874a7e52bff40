"""What the clients must know of the rpcs of `jobs`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from google.api import httpbody_pb2
from switchyard.orchestrator.v1 import job_service_pb2
from switchyard.orchestrator.v1 import live_service_pb2
from switchyard.orchestrator.v1 import metrics_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CANCEL: Final = Method("/switchyard.orchestrator.v1.JobService/CancelJob", job_service_pb2.CancelJobRequest, job_service_pb2.CancelJobResponse)
RETRY: Final = Method("/switchyard.orchestrator.v1.JobService/RetryJob", job_service_pb2.RetryJobRequest, job_service_pb2.RetryJobResponse, repeatable=True)
EXPLAIN: Final = Method("/switchyard.orchestrator.v1.JobService/ExplainJob", job_service_pb2.ExplainJobRequest, job_service_pb2.ExplainJobResponse, repeatable=True)
LIST_LOGS: Final = Paged(Method("/switchyard.orchestrator.v1.JobService/ListJobLogs", job_service_pb2.ListJobLogsRequest, job_service_pb2.ListJobLogsResponse, repeatable=True), "lines", paging.by_after)
WATCH_LOGS: Final = Method("/switchyard.orchestrator.v1.JobService/WatchJobLogs", job_service_pb2.WatchJobLogsRequest, job_service_pb2.WatchJobLogsResponse, repeatable=True, resumes=resume.behind_cursor)
LIST_ARTIFACTS: Final = Method("/switchyard.orchestrator.v1.JobService/ListJobArtifacts", job_service_pb2.ListJobArtifactsRequest, job_service_pb2.ListJobArtifactsResponse, repeatable=True)
DOWNLOAD_ARTIFACT: Final = Method("/switchyard.orchestrator.v1.JobService/DownloadJobArtifact", job_service_pb2.DownloadJobArtifactRequest, httpbody_pb2.HttpBody, repeatable=True)
LIST: Final = Paged(Method("/switchyard.orchestrator.v1.MetricsService/ListJobs", metrics_service_pb2.ListJobsRequest, metrics_service_pb2.ListJobsResponse, repeatable=True), "jobs", paging.by_oldest("jobs", "job_id"))
GET: Final = Method("/switchyard.orchestrator.v1.MetricsService/GetJob", metrics_service_pb2.GetJobRequest, metrics_service_pb2.GetJobResponse, repeatable=True)
WATCH: Final = Method("/switchyard.orchestrator.v1.LiveService/WatchJobs", live_service_pb2.WatchJobsRequest, live_service_pb2.WatchJobsResponse, repeatable=True)
