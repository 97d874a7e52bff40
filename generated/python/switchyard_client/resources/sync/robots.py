"""`client.robots`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.orchestrator.v1 import fleet_service_pb2
from switchyard.orchestrator.v1 import job_pb2
from switchyard.orchestrator.v1 import job_run_service_pb2
from switchyard.orchestrator.v1 import live_service_pb2
from switchyard.orchestrator.v1 import robot_pb2
from switchyard.orchestrator.v1 import robot_service_pb2
from switchyard.tasks.v1 import task_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import robots as methods


class Robots:
    """The fleet, and what a robot itself calls."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._create_enrolment = connection.unary(methods.CREATE_ENROLMENT)
        self._drain = connection.unary(methods.DRAIN)
        self._resume = connection.unary(methods.RESUME)
        self._delete = connection.unary(methods.DELETE)
        self._register = connection.unary(methods.REGISTER)
        self._heartbeat = connection.unary(methods.HEARTBEAT)
        self._claim_job = connection.unary(methods.CLAIM_JOB)
        self._report_job_progress = connection.unary(methods.REPORT_JOB_PROGRESS)
        self._append_job_log = connection.unary(methods.APPEND_JOB_LOG)
        self._complete_job = connection.unary(methods.COMPLETE_JOB)
        self._fail_job = connection.unary(methods.FAIL_JOB)
        self._release_job = connection.unary(methods.RELEASE_JOB)
        self._enrol = connection.unary(methods.ENROL)
        self._rotate_token = connection.unary(methods.ROTATE_TOKEN)
        self._resolve_job_address = connection.unary(methods.RESOLVE_JOB_ADDRESS)
        self._get_subworkflow = connection.unary(methods.GET_SUBWORKFLOW)
        self._save_checkpoint = connection.unary(methods.SAVE_CHECKPOINT)

    def create_enrolment(
        self,
        *,
        robot_id: str | None = None,
        expires_in_minutes: int | None = None,
        tenant_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> fleet_service_pb2.CreateEnrolmentResponse:
        """Makes a key by which one robot gets a token of its own.

        Errors: INVALID_ARGUMENT.

        Args:
            robot_id: The only id it may be used for. Unset: any that is not taken.
            expires_in_minutes: Minutes it can be used, 1 to 10,080. Unset means 60.
            tenant_id: Tenant whose jobs the robot may take. Unset: that of the caller.
        """
        request = methods.CREATE_ENROLMENT.request(
            robot_id=robot_id,
            expires_in_minutes=expires_in_minutes,
            tenant_id=tenant_id,
        )
        return self._create_enrolment(request, timeout, headers)

    def list(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[fleet_service_pb2.ListRobotsResponse, robot_pb2.RobotRegistration]:
        """Lists robots by id, those that are offline too.

        Args:
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST.method.request(
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def drain(
        self,
        robot_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_pb2.RobotRegistration:
        """Lets a robot finish what it has and take nothing further.

        Errors: NOT_FOUND.

        Args:
            robot_id: Its id.
        """
        request = methods.DRAIN.request(
            robot_id=robot_id,
        )
        return (self._drain(request, timeout, headers)).robot

    def resume(
        self,
        robot_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_pb2.RobotRegistration:
        """Lets a drained robot take jobs again.

        Errors: NOT_FOUND.

        Args:
            robot_id: Its id.
        """
        request = methods.RESUME.request(
            robot_id=robot_id,
        )
        return (self._resume(request, timeout, headers)).robot

    def delete(
        self,
        robot_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> fleet_service_pb2.DeleteRobotResponse:
        """Forgets a robot and ends its tokens. Its jobs are taken away, and tried again while attempts are left.

        Errors: NOT_FOUND.

        Args:
            robot_id: Its id.
        """
        request = methods.DELETE.request(
            robot_id=robot_id,
        )
        return self._delete(request, timeout, headers)

    def register(
        self,
        *,
        robot_id: str,
        hostname: str | None = None,
        version: str | None = None,
        execution_modes: Sequence[enums.OrchestratorExecutionMode] | None = None,
        max_jobs: int | None = None,
        job_ids: Sequence[str] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.RegisterRobotResponse:
        """Makes a robot known, or tells what has changed about it. Jobs it held before it was restarted are given back.

        Errors: INVALID_ARGUMENT; PERMISSION_DENIED for the token of another robot.

        Args:
            robot_id: 1 to 64 letters, digits, underscores and hyphens.
            hostname: Host name of its machine.
            version: Version of its program.
            execution_modes: Which jobs it takes. Empty means both.
            max_jobs: Jobs it takes at a time, 1 to 100. Unset means 1.
            job_ids: Jobs it still has, of an earlier life of it; others that it holds are given back.
        """
        request = methods.REGISTER.request(
            robot_id=robot_id,
            hostname=hostname,
            version=version,
            execution_modes=[enums.OrchestratorExecutionMode_NUMBERS.get(each, each) for each in execution_modes or ()],
            max_jobs=max_jobs,
            job_ids=job_ids,
        )
        return self._register(request, timeout, headers)

    def heartbeat(
        self,
        robot_id: str,
        *,
        cpu_percent: float | None = None,
        memory_mb: float | None = None,
        memory_percent: float | None = None,
        jobs: Sequence[Mapping[str, Any] | robot_service_pb2.HeartbeatRequest.HeldJob] | None = None,
        stopping: bool | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.HeartbeatResponse:
        """Says that a robot is alive, renews the leases of the jobs it names, and brings back what it has to know. At least every

        10 s.
        Errors: NOT_FOUND for a robot that has not registered.

        Args:
            robot_id: Whose.
            cpu_percent: Use of its machine's processors.
            memory_mb: Memory it uses, in MB.
            memory_percent: Use of its machine's memory.
            jobs: Jobs it has; their leases are renewed.
            stopping: Its program ends: it is offline until it is heard of again.
        """
        request = methods.HEARTBEAT.request(
            robot_id=robot_id,
            cpu_percent=cpu_percent,
            memory_mb=memory_mb,
            memory_percent=memory_percent,
            jobs=jobs,
            stopping=stopping,
        )
        return self._heartbeat(request, timeout, headers)

    def claim_job(
        self,
        robot_id: str,
        *,
        wait_seconds: int | None = None,
        graph_only: bool | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.ClaimJobResponse:
        """Takes the best waiting job: lowest priority number first, then the oldest. Waits for one if asked to. Nothing when none

        waits, the robot is draining, or it has as many jobs as it takes.
        Errors: NOT_FOUND for a robot that has not registered.

        Args:
            robot_id: Which robot.
            wait_seconds: Wait this long for a job, 0 to 60 s. Zero answers at once.
            graph_only: Leave `workflow_json` out of the assignment.
        """
        request = methods.CLAIM_JOB.request(
            robot_id=robot_id,
            wait_seconds=wait_seconds,
            graph_only=graph_only,
        )
        return self._claim_job(request, timeout, headers)

    def watch_assignments(
        self,
        robot_id: str,
        *,
        graph_only: bool | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[robot_service_pb2.WatchAssignmentsResponse]:
        """Sends jobs as they come, as long as the robot has room for them. A job that could not be delivered is given back.

        Errors: NOT_FOUND for a robot that has not registered.

        Args:
            robot_id: Which robot.
            graph_only: Leave `workflow_json` out of the assignments.
        """
        request = methods.WATCH_ASSIGNMENTS.request(
            robot_id=robot_id,
            graph_only=graph_only,
        )
        return self._connection.stream(methods.WATCH_ASSIGNMENTS, request, timeout, headers)

    def report_job_progress(
        self,
        robot_id: str,
        job_id: str,
        *,
        fencing_token: int,
        fraction: float | None = None,
        message: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.ReportJobProgressResponse:
        """Tells how far a job has come. The newest report counts.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            fraction: 0 to 1. Unset when not known.
            message: One line for people.
        """
        request = methods.REPORT_JOB_PROGRESS.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            fraction=fraction,
            message=message,
        )
        return self._report_job_progress(request, timeout, headers)

    def append_job_log(
        self,
        robot_id: str,
        job_id: str,
        *,
        fencing_token: int,
        first_sequence: int,
        lines: Sequence[Mapping[str, Any] | task_pb2.LogLine] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.AppendJobLogResponse:
        """Stores log lines. Lines that are stored already are skipped, so a call may be repeated.

        Errors: OUT_OF_RANGE with ERROR_REASON_LOG_GAP; FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            first_sequence: Number of the first line within this attempt, from 1.
            lines: Lines in order; `seq` is ignored.
        """
        request = methods.APPEND_JOB_LOG.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            first_sequence=first_sequence,
            lines=lines,
        )
        return self._append_job_log(request, timeout, headers)

    def complete_job(
        self,
        robot_id: str,
        job_id: str,
        *,
        fencing_token: int,
        variables: Mapping[str, Any] | str | None = None,
        outputs: Mapping[str, Any] | str | None = None,
        node_executions: Sequence[Mapping[str, Any] | job_pb2.NodeExecution] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.CompleteJobResponse:
        """Ends a job: done.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            variables: Variables at the end, secrets redacted.
            outputs: Outputs of the nodes at the end by node id, secrets redacted.
            node_executions: What was executed, in order.
        """
        request = methods.COMPLETE_JOB.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            variables=content.json_text(variables),
            outputs=content.json_text(outputs),
            node_executions=node_executions,
        )
        return self._complete_job(request, timeout, headers)

    def fail_job(
        self,
        robot_id: str,
        job_id: str,
        *,
        fencing_token: int,
        error_type: str | None = None,
        error_message: str | None = None,
        retryable: bool | None = None,
        cancelled: bool | None = None,
        variables: Mapping[str, Any] | str | None = None,
        outputs: Mapping[str, Any] | str | None = None,
        node_executions: Sequence[Mapping[str, Any] | job_pb2.NodeExecution] | None = None,
        receipt: Mapping[str, Any] | task_pb2.CancelReceipt | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.FailJobResponse:
        """Ends an attempt: failed, or stopped because a cancel was asked for. A failure is tried again while attempts are left.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            error_type: A word a program can act on: "TimeoutError". Empty means "JobFailed".
            error_message: A sentence for people, free of secrets.
            retryable: Another attempt may help. Unset means true.
            cancelled: It was stopped because that was asked for; no process of it is left.
            variables: As in CompleteJobRequest.
            outputs: As in CompleteJobRequest.
            node_executions: As in CompleteJobRequest.
            receipt: With `cancelled`: what was done to stop it.
        """
        request = methods.FAIL_JOB.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            error_type=error_type,
            error_message=error_message,
            retryable=retryable,
            cancelled=cancelled,
            variables=content.json_text(variables),
            outputs=content.json_text(outputs),
            node_executions=node_executions,
            receipt=receipt,
        )
        return self._fail_job(request, timeout, headers)

    def release_job(
        self,
        robot_id: str,
        job_id: str,
        *,
        fencing_token: int,
        reason: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.ReleaseJobResponse:
        """Gives a job back unfinished. It waits again, its attempt is not counted.

        Errors: FAILED_PRECONDITION with ERROR_REASON_LEASE_LOST.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            reason: Why, for the log.
        """
        request = methods.RELEASE_JOB.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            reason=reason,
        )
        return self._release_job(request, timeout, headers)

    def enrol(
        self,
        *,
        enrolment_key: str,
        robot_id: str,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.EnrolRobotResponse:
        """Exchanges an enrolment key for a token of the robot's own. The key is used up.

        Errors: UNAUTHENTICATED "Invalid or expired API token".

        Args:
            enrolment_key: As CreateEnrolment gave it.
            robot_id: The id the robot wants. Must be that of the enrolment where it names one.
        """
        request = methods.ENROL.request(
            enrolment_key=enrolment_key,
            robot_id=robot_id,
        )
        return self._enrol(request, timeout, headers)

    def rotate_token(
        self,
        robot_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> robot_service_pb2.RotateRobotTokenResponse:
        """Gives a robot a new token. The old one is good until the new one is first used, at most for an hour.

        Errors: FAILED_PRECONDITION when the robot does not use an enrolled token.

        Args:
            robot_id: Which robot.
        """
        request = methods.ROTATE_TOKEN.request(
            robot_id=robot_id,
        )
        return self._rotate_token(request, timeout, headers)

    def resolve_job_address(
        self,
        *,
        robot_id: str,
        job_id: str,
        fencing_token: int,
        url: str,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_run_service_pb2.ResolveJobAddressResponse:
        """Resolves the host of a URL and checks it against the rule for outgoing calls. Connect to an address of the answer,

        not to the name, and ask again for every redirect.
        Errors: INVALID_ARGUMENT with ERROR_REASON_ADDRESS_REFUSED, or when the name has no address.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            url: Absolute, http or https.
        """
        request = methods.RESOLVE_JOB_ADDRESS.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            url=url,
        )
        return self._resolve_job_address(request, timeout, headers)

    def get_subworkflow(
        self,
        *,
        robot_id: str,
        job_id: str,
        fencing_token: int,
        workflow: str,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_run_service_pb2.GetSubworkflowResponse:
        """Reads another workflow of the job's tenant, to execute it within the job.

        Errors: NOT_FOUND; INVALID_ARGUMENT when several workflows have the name.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            workflow: Id of the workflow, or its name if only one has it.
        """
        request = methods.GET_SUBWORKFLOW.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            workflow=workflow,
        )
        return self._get_subworkflow(request, timeout, headers)

    def save_checkpoint(
        self,
        *,
        robot_id: str,
        job_id: str,
        fencing_token: int,
        checkpoint: bytes,
        executions_before: int | None = None,
        node_executions: Sequence[Mapping[str, Any] | job_pb2.NodeExecution] | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_run_service_pb2.SaveCheckpointResponse:
        """Stores what a next attempt of the job would need to go on from here, and what was executed up to here. The state

        replaces the one before, executions are added to those before; both are forgotten with the end of the job.
        Errors: FAILED_PRECONDITION with ERROR_REASON_RESUME_OFF for a workflow without `settings.resume`.

        Args:
            robot_id: Which robot.
            job_id: Which job.
            fencing_token: Of its assignment.
            checkpoint: In the engine's own words, at most 8 MiB; kept encrypted.
            executions_before: How many executions that were stored stay, from the first on; those behind them are
                replaced. 0 for a run that has begun anew.
            node_executions: What was executed behind those, in order, as the result of the job is to list it.
        """
        request = methods.SAVE_CHECKPOINT.request(
            robot_id=robot_id,
            job_id=job_id,
            fencing_token=fencing_token,
            checkpoint=checkpoint,
            executions_before=executions_before,
            node_executions=node_executions,
        )
        return self._save_checkpoint(request, timeout, headers)

    def upload_job_artifact(
        self,
        requests: Iterable[job_run_service_pb2.UploadJobArtifactRequest],
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> job_run_service_pb2.UploadJobArtifactResponse:
        """Stores a file of the job. The first message describes it and carries who asks; the others carry its bytes in order,

        at most 1 MiB each. The same name replaces what an earlier attempt left. Nothing half-written stays.
        Errors: INVALID_ARGUMENT when size or hash do not fit; RESOURCE_EXHAUSTED above 1 GiB.

        Args:
            requests: The messages, in order.
        """
        return self._connection.send(methods.UPLOAD_JOB_ARTIFACT, requests, timeout, headers)

    def watch(
        self,
        *,
        robot_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[live_service_pb2.WatchRobotsResponse]:
        """Sends what every robot does when the stream opens, then each of its heartbeats, and when it goes offline.

        Args:
            robot_id: Only this robot.
        """
        request = methods.WATCH.request(
            robot_id=robot_id,
        )
        return self._connection.stream(methods.WATCH, request, timeout, headers)
