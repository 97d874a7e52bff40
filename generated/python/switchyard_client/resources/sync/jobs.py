"""`client.jobs`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.orchestrator.v1 import job_pb2
from switchyard.orchestrator.v1 import job_service_pb2
from switchyard.orchestrator.v1 import live_service_pb2
from switchyard.orchestrator.v1 import metrics_service_pb2
from switchyard.tasks.v1 import task_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import jobs as methods


class Jobs:
    """Executions of workflows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cancel = connection.unary(methods.CANCEL)
        self._retry = connection.unary(methods.RETRY)
        self._explain = connection.unary(methods.EXPLAIN)
        self._list_artifacts = connection.unary(methods.LIST_ARTIFACTS)
        self._get = connection.unary(methods.GET)

    def cancel(
        self,
        job_id: str,
        *,
        reason: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_service_pb2.CancelJobResponse:
        """Stops a job. One that waits never starts; of one that runs the robot is told, and its end is confirmed.

        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_TASK_FINAL when it has completed or failed.

        Args:
            job_id: Id of the job.
            reason: Why, for the record.
        """
        request = methods.CANCEL.request(
            job_id=job_id,
            reason=reason,
        )
        return self._cancel(request, timeout, headers)

    def retry(
        self,
        job_id: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_service_pb2.RetryJobResponse:
        """Queues a job that failed or was cancelled once more, as a new job with the same version and variables.

        Errors: NOT_FOUND, also when its workflow was deleted; FAILED_PRECONDITION with ERROR_REASON_JOB_ACTIVE while it is
        not final; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            job_id: Id of the job.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.RETRY.request(
            job_id=job_id,
            request_id=request_id or new_key(),
        )
        return self._retry(request, timeout, headers)

    def explain(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_service_pb2.ExplainJobResponse:
        """Says why a job still waits: until when, behind whom, which limit, which robots could take it.

        Errors: NOT_FOUND.

        Args:
            job_id: Id of the job.
        """
        request = methods.EXPLAIN.request(
            job_id=job_id,
        )
        return self._explain(request, timeout, headers)

    def list_logs(
        self,
        job_id: str,
        *,
        after: str | None = None,
        limit: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[job_service_pb2.ListJobLogsResponse, task_pb2.LogLine]:
        """Reads stored log lines in order.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            job_id: Id of the job.
            after: A cursor or the number of a line; lines behind it are returned.
            limit: At most this many. Unset means 1,000.
        """
        request = methods.LIST_LOGS.method.request(
            job_id=job_id,
            after=after,
            limit=limit,
        )
        return Pages(self._connection, methods.LIST_LOGS, request, timeout, headers)

    def watch_logs(
        self,
        job_id: str,
        *,
        after: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[job_service_pb2.WatchJobLogsResponse]:
        """Follows the log of a job from its first line, or from behind `after`. Ends with the job.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            job_id: Id of the job.
            after: Cursor of the last line that was seen.
        """
        request = methods.WATCH_LOGS.request(
            job_id=job_id,
            after=after,
        )
        return self._connection.stream(methods.WATCH_LOGS, request, timeout, headers)

    def list_artifacts(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_service_pb2.ListJobArtifactsResponse:
        """Lists the files a job left: pictures of its browser, downloads, what its nodes kept.

        Errors: NOT_FOUND.

        Args:
            job_id: Id of the job.
        """
        request = methods.LIST_ARTIFACTS.request(
            job_id=job_id,
        )
        return self._list_artifacts(request, timeout, headers)

    def download_artifact(
        self,
        job_id: str,
        name: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """Downloads one of them.

        Errors: NOT_FOUND.

        Args:
            job_id: Id of the job.
            name: Name of the file.
        """
        request = methods.DOWNLOAD_ARTIFACT.request(
            job_id=job_id,
            name=name,
        )
        return Download(self._connection.stream(methods.DOWNLOAD_ARTIFACT, request, timeout, headers))

    def list(
        self,
        *,
        limit: int | None = None,
        status: enums.OrchestratorJobStatus | None = None,
        workflow_id: str | None = None,
        robot_id: str | None = None,
        before: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[metrics_service_pb2.ListJobsResponse, job_pb2.Job]:
        """Lists jobs, the newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            limit: At most this many. Unset means 50.
            status: Only those. Unspecified means all.
            workflow_id: Only those of this workflow.
            robot_id: Only those whose newest attempt this robot has, or had.
            before: Only those queued before the job of this id, to go on where a list ended.
        """
        request = methods.LIST.method.request(
            limit=limit,
            status=enums.OrchestratorJobStatus_NUMBERS.get(status, status),
            workflow_id=workflow_id,
            robot_id=robot_id,
            before=before,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def get(
        self,
        job_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_pb2.JobDetail:
        """Reads one job with what it executed.

        Errors: NOT_FOUND "Job <id> not found".

        Args:
            job_id: Its id.
        """
        request = methods.GET.request(
            job_id=job_id,
        )
        return (self._get(request, timeout, headers)).job

    def watch(
        self,
        *,
        job_id: str | None = None,
        workflow_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[live_service_pb2.WatchJobsResponse]:
        """Sends each change of status of a job, from now on.

        Args:
            job_id: Only this job.
            workflow_id: Only those of this workflow.
        """
        request = methods.WATCH.request(
            job_id=job_id,
            workflow_id=workflow_id,
        )
        return self._connection.stream(methods.WATCH, request, timeout, headers)
