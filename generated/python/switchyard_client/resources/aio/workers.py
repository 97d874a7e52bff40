"""`client.workers`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.bots.v1 import bot_instance_pb2
from switchyard.bots.v1 import bot_worker_service_pb2
from switchyard.comfy.v1 import comfy_worker_service_pb2
from switchyard.comfy.v1 import prompt_pb2
from switchyard.environments.v1 import provisioning_service_pb2
from switchyard.orchestrator.v1 import job_worker_service_pb2
from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import workers as methods


class Workers:
    """What workers call; it wants the credential of a worker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._claim_task = connection.unary(methods.CLAIM_TASK)
        self._renew_lease = connection.unary(methods.RENEW_LEASE)
        self._append_log = connection.unary(methods.APPEND_LOG)
        self._report_progress = connection.unary(methods.REPORT_PROGRESS)
        self._finish_task = connection.unary(methods.FINISH_TASK)
        self._release_task = connection.unary(methods.RELEASE_TASK)
        self._resolve_address = connection.unary(methods.RESOLVE_ADDRESS)
        self._report_validation = connection.unary(methods.REPORT_VALIDATION)
        self._get_delivery = connection.unary(methods.GET_DELIVERY)
        self._get_session_plan = connection.unary(methods.GET_SESSION_PLAN)
        self._report_ready = connection.unary(methods.REPORT_READY)
        self._answer_call = connection.unary(methods.ANSWER_CALL)
        self._claim_prompt = connection.unary(methods.CLAIM_PROMPT)
        self._report_prompt = connection.unary(methods.REPORT_PROMPT)
        self._get_environment_plan = connection.unary(methods.GET_ENVIRONMENT_PLAN)
        self._report_found = connection.unary(methods.REPORT_FOUND)
        self._get_job_graph = connection.unary(methods.GET_JOB_GRAPH)

    async def claim_task(
        self,
        *,
        worker_id: str,
        worker_host: str | None = None,
        kinds: Sequence[str] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.ClaimTaskResponse:
        """Takes the best waiting Task of the given kinds: lowest priority number first, then the oldest.

        Answers without a Task when nothing waits or every limit is reached.

        Args:
            worker_id: Name of the worker, unique among live ones, at most 128 characters.
            worker_host: Its host name, shown as `worker_host`.
            kinds: Kinds it can do, at least one.
        """
        request = methods.CLAIM_TASK.request(
            worker_id=worker_id,
            worker_host=worker_host,
            kinds=kinds,
        )
        return await self._claim_task(request, timeout, headers)

    async def renew_lease(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.RenewLeaseResponse:
        """Renews a lease and brings back a request to cancel.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            lease: The lease.
        """
        request = methods.RENEW_LEASE.request(
            lease=lease,
        )
        return await self._renew_lease(request, timeout, headers)

    def watch_cancel(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[worker_service_pb2.WatchCancelResponse]:
        """Sends one message at once when the Task is to be cancelled, then ends. Ends without one when the lease is over.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            lease: The lease.
        """
        request = methods.WATCH_CANCEL.request(
            lease=lease,
        )
        return self._connection.stream(methods.WATCH_CANCEL, request, timeout, headers)

    async def append_log(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        first_sequence: int | None = None,
        lines: Sequence[Mapping[str, Any] | task_pb2.LogLine] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.AppendLogResponse:
        """Stores log lines. Lines that are stored already are skipped, so a call may be repeated.

        Answered after the lines are durable.
        Errors: OUT_OF_RANGE with ERROR_REASON_LOG_GAP; FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            lease: The lease.
            first_sequence: Number of the first line within this attempt, from 1.
            lines: Lines in order, at most 5,000; `seq` is ignored.
        """
        request = methods.APPEND_LOG.request(
            lease=lease,
            first_sequence=first_sequence,
            lines=lines,
        )
        return await self._append_log(request, timeout, headers)

    async def report_progress(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        progress: Mapping[str, Any] | task_pb2.Progress,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.ReportProgressResponse:
        """Tells how far the work has come. The newest report counts.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            lease: The lease.
            progress: The report.
        """
        request = methods.REPORT_PROGRESS.request(
            lease=lease,
            progress=progress,
        )
        return await self._report_progress(request, timeout, headers)

    async def upload_artifact(
        self,
        requests: Iterable[worker_service_pb2.UploadArtifactRequest] | AsyncIterable[worker_service_pb2.UploadArtifactRequest],
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.UploadArtifactResponse:
        """Stores a file. The first message describes it, the others carry its bytes in order, at most 1 MiB each. The same name

        replaces what an earlier attempt left. Nothing half-written stays.
        Errors: INVALID_ARGUMENT when size or hash do not fit; RESOURCE_EXHAUSTED above 1 GiB; FAILED_PRECONDITION with
        ERROR_REASON_LEASE_LOST.

        Args:
            requests: The messages, in order.
        """
        return await self._connection.send(methods.UPLOAD_ARTIFACT, requests, timeout, headers)

    async def finish_task(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        success: Mapping[str, Any] | worker_service_pb2.FinishTaskRequest.Success | None = None,
        failed: Mapping[str, Any] | worker_service_pb2.FinishTaskRequest.Failed | None = None,
        cancelled: Mapping[str, Any] | worker_service_pb2.FinishTaskRequest.Cancelled | None = None,
        exit_code: int | None = None,
        progress: Mapping[str, Any] | task_pb2.Progress | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.FinishTaskResponse:
        """Ends an attempt: succeeded, failed or cancelled. A success reported while a cancel is under way stays a success.

        Repeating the call with the same token gives the same answer.
        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            lease: The lease.
            success: Done.
            failed: Failed.
            cancelled: Stopped on request.
            exit_code: Exit code of the process, negative for a signal.
            progress: How far the work had come. Unset: as reported last.
        """
        request = methods.FINISH_TASK.request(
            lease=lease,
            success=success,
            failed=failed,
            cancelled=cancelled,
            exit_code=exit_code,
            progress=progress,
        )
        return await self._finish_task(request, timeout, headers)

    async def release_task(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        reason: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.ReleaseTaskResponse:
        """Gives a Task back unfinished, for a worker that stops. It waits again, its attempt is not counted.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            lease: The lease.
            reason: Why, for the log.
        """
        request = methods.RELEASE_TASK.request(
            lease=lease,
            reason=reason,
        )
        return await self._release_task(request, timeout, headers)

    async def resolve_address(
        self,
        *,
        url: str,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> worker_service_pb2.ResolveAddressResponse:
        """Resolves the host of a URL and checks it against the rule for outgoing calls. Connect to an address of the answer,

        not to the name, and ask again for every redirect.
        Errors: INVALID_ARGUMENT with ERROR_REASON_ADDRESS_REFUSED, or when the name has no address.

        Args:
            url: http, https, ws or wss.
        """
        request = methods.RESOLVE_ADDRESS.request(
            url=url,
        )
        return await self._resolve_address(request, timeout, headers)

    def fetch_files(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[bot_worker_service_pb2.FetchFilesResponse]:
        """Sends the files of the instance: config.yaml, secrets/, inputs/ and state/, each as one or more pieces.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST; NOT_FOUND when the instance is gone.

        Args:
            lease: The lease.
        """
        request = methods.FETCH_FILES.request(
            lease=lease,
        )
        return self._connection.stream(methods.FETCH_FILES, request, timeout, headers)

    async def save_state(
        self,
        requests: Iterable[bot_worker_service_pb2.SaveStateRequest] | AsyncIterable[bot_worker_service_pb2.SaveStateRequest],
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_worker_service_pb2.SaveStateResponse:
        """Replaces the files of state/, all at once, by those that a run left there; FinishTask then ends its Task. A call that

        breaks off changes nothing and may be repeated. At most 1,000 files, of 64 MiB together.
        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST; INVALID_ARGUMENT for a path that leads out of state/;
        RESOURCE_EXHAUSTED above these bounds; NOT_FOUND when the instance is gone.

        Args:
            requests: The messages, in order.
        """
        return await self._connection.send(methods.SAVE_STATE, requests, timeout, headers)

    async def report_validation(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        status: enums.BotsValidationStatus,
        checks: Sequence[Mapping[str, Any] | bot_instance_pb2.ValidationCheck] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_worker_service_pb2.ReportValidationResponse:
        """Stores what a validation found; FinishTask then ends its Task.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST; NOT_FOUND when the instance is gone.

        Args:
            lease: The lease.
            status: VALID or INVALID.
            checks: Every check.
        """
        request = methods.REPORT_VALIDATION.request(
            lease=lease,
            status=enums.BotsValidationStatus_NUMBERS.get(status, status),
            checks=checks,
        )
        return await self._report_validation(request, timeout, headers)

    async def get_delivery(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bot_worker_service_pb2.GetDeliveryResponse:
        """Gives what is to be sent and the secret to sign it with.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST; NOT_FOUND when the webhook was removed.

        Args:
            lease: The lease.
        """
        request = methods.GET_DELIVERY.request(
            lease=lease,
        )
        return await self._get_delivery(request, timeout, headers)

    async def get_session_plan(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> comfy_worker_service_pb2.GetSessionPlanResponse:
        """Gives what a session is to be, with its credentials. Nobody else ever gets them.

        Args:
            lease: Lease of the session.
        """
        request = methods.GET_SESSION_PLAN.request(
            lease=lease,
        )
        return await self._get_session_plan(request, timeout, headers)

    async def report_ready(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        port: int | None = None,
        browser_endpoint: str | None = None,
        frontend_version: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> comfy_worker_service_pb2.ReportReadyResponse:
        """Says that a session takes calls.

        Args:
            lease: Lease of the session.
            port: Port on which the browser listens. Unset in direct mode.
            browser_endpoint: Secret address of the browser. Unset in direct mode.
            frontend_version: Version of ComfyUI's front end. Unset in direct mode.
        """
        request = methods.REPORT_READY.request(
            lease=lease,
            port=port,
            browser_endpoint=browser_endpoint,
            frontend_version=frontend_version,
        )
        return await self._report_ready(request, timeout, headers)

    def follow_calls(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[comfy_worker_service_pb2.FollowCallsResponse]:
        """Sends the calls that callers make to the session, one message each, as long as the lease lasts. Calls that nobody

        follows are refused with ERROR_REASON_BROWSER_GONE, so there is one such stream for each session.

        Args:
            lease: Lease of the session.
        """
        request = methods.FOLLOW_CALLS.request(
            lease=lease,
        )
        return self._connection.stream(methods.FOLLOW_CALLS, request, timeout, headers)

    async def answer_call(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        number: int | None = None,
        opened: Mapping[str, Any] | comfy_worker_service_pb2.AnswerCallRequest.Opened | None = None,
        composed: Mapping[str, Any] | comfy_worker_service_pb2.AnswerCallRequest.Composed | None = None,
        refusal: Mapping[str, Any] | comfy_worker_service_pb2.AnswerCallRequest.Refusal | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> comfy_worker_service_pb2.AnswerCallResponse:
        """Answers one of them.

        Errors: NOT_FOUND when nobody waits for it any more.

        Args:
            lease: Lease of the session.
            number: Number of the call.
            opened: A workflow was opened.
            composed: The workflow as it is to be executed.
            refusal: It could not be done.
        """
        request = methods.ANSWER_CALL.request(
            lease=lease,
            number=number,
            opened=opened,
            composed=composed,
            refusal=refusal,
        )
        return await self._answer_call(request, timeout, headers)

    async def claim_prompt(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        wait_seconds: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> comfy_worker_service_pb2.ClaimPromptResponse:
        """Takes the next prompt of the session, once there is one and no other is at the same ComfyUI. Answers without one after

        `wait_seconds`.

        Args:
            lease: Lease of the session.
            wait_seconds: How long to wait for one, at most 60.
        """
        request = methods.CLAIM_PROMPT.request(
            lease=lease,
            wait_seconds=wait_seconds,
        )
        return await self._claim_prompt(request, timeout, headers)

    async def report_prompt(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        comfy_prompt_id: str | None = None,
        events: Sequence[Mapping[str, Any] | prompt_pb2.PromptEvent] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> comfy_worker_service_pb2.ReportPromptResponse:
        """Tells what happens to a prompt, in order. Repeating a report changes nothing but is told to followers again.

        Args:
            lease: Lease of the prompt.
            comfy_prompt_id: Id that ComfyUI gave it. Set once it was sent, and again after it was sent again.
            events: Happenings in order; `prompt_id` and `prompt` are ignored.
        """
        request = methods.REPORT_PROMPT.request(
            lease=lease,
            comfy_prompt_id=comfy_prompt_id,
            events=events,
        )
        return await self._report_prompt(request, timeout, headers)

    async def get_environment_plan(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> provisioning_service_pb2.GetEnvironmentPlanResponse:
        """Gives what an environment is to be, with its secrets, for a Task of kind "provision_environment".

        Errors: NOT_FOUND when it is gone.

        Args:
            lease: Its lease.
        """
        request = methods.GET_ENVIRONMENT_PLAN.request(
            lease=lease,
        )
        return await self._get_environment_plan(request, timeout, headers)

    async def report_found(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        first: bool | None = None,
        found: Sequence[Mapping[str, Any] | provisioning_service_pb2.FoundEnvironment] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> provisioning_service_pb2.ReportFoundResponse:
        """Tells what a provider has of ours, page by page, for a Task of kind "compare_environments". A comparison counts when the

        Task succeeds; the pages of an attempt replace those of the one before. What is told of one environment more than once
        is taken together.

        Args:
            lease: Lease of the Task.
            first: The first message of an attempt.
            found: At most 1,000.
        """
        request = methods.REPORT_FOUND.request(
            lease=lease,
            first=first,
            found=found,
        )
        return await self._report_found(request, timeout, headers)

    async def get_job_graph(
        self,
        *,
        lease: Mapping[str, Any] | worker_service_pb2.LeaseKey,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_worker_service_pb2.GetJobGraphResponse:
        """Reads what is to be executed.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            lease: The lease.
        """
        request = methods.GET_JOB_GRAPH.request(
            lease=lease,
        )
        return await self._get_job_graph(request, timeout, headers)
