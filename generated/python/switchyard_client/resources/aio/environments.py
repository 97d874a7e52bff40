"""`client.environments`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import timestamp_pb2
from switchyard.environments.v1 import activity_service_pb2
from switchyard.environments.v1 import agent_service_pb2
from switchyard.environments.v1 import cost_service_pb2
from switchyard.environments.v1 import environment_pb2
from switchyard.environments.v1 import environment_schedule_service_pb2
from switchyard.environments.v1 import environment_service_pb2
from switchyard.environments.v1 import output_service_pb2
from switchyard.environments.v1 import quota_service_pb2
from switchyard.environments.v1 import reconciliation_service_pb2
from switchyard.environments.v1 import template_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import environments as methods


class Environments:
    """Development environments in the clouds."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._create = connection.unary(methods.CREATE)
        self._get = connection.unary(methods.GET)
        self._update = connection.unary(methods.UPDATE)
        self._start = connection.unary(methods.START)
        self._stop = connection.unary(methods.STOP)
        self._delete = connection.unary(methods.DELETE)
        self._list_ports = connection.unary(methods.LIST_PORTS)
        self._report_activity = connection.unary(methods.REPORT_ACTIVITY)
        self._keep_awake = connection.unary(methods.KEEP_AWAKE)
        self._let_sleep = connection.unary(methods.LET_SLEEP)
        self._get_cost = connection.unary(methods.GET_COST)
        self._estimate_cost = connection.unary(methods.ESTIMATE_COST)
        self._create_schedule = connection.unary(methods.CREATE_SCHEDULE)
        self._list_schedules = connection.unary(methods.LIST_SCHEDULES)
        self._delete_schedule = connection.unary(methods.DELETE_SCHEDULE)
        self._create_template = connection.unary(methods.CREATE_TEMPLATE)
        self._get_template = connection.unary(methods.GET_TEMPLATE)
        self._update_template = connection.unary(methods.UPDATE_TEMPLATE)
        self._delete_template = connection.unary(methods.DELETE_TEMPLATE)
        self._get_quota = connection.unary(methods.GET_QUOTA)
        self._set_quota = connection.unary(methods.SET_QUOTA)
        self._reset_quota = connection.unary(methods.RESET_QUOTA)
        self._reconcile = connection.unary(methods.RECONCILE)
        self._get_reconciliation = connection.unary(methods.GET_RECONCILIATION)
        self._remove_orphan = connection.unary(methods.REMOVE_ORPHAN)
        self._get_agent = connection.unary(methods.GET_AGENT)
        self._get_agent_health = connection.unary(methods.GET_AGENT_HEALTH)
        self._get_agent_readiness = connection.unary(methods.GET_AGENT_READINESS)
        self._get_agent_liveness = connection.unary(methods.GET_AGENT_LIVENESS)

    async def create(
        self,
        *,
        name: str,
        user_id: str | None = None,
        cloud_provider: enums.EnvironmentsEnvironmentCloudProvider | None = None,
        cloud_region: str | None = None,
        cpu_cores: int | None = None,
        memory_gb: int | None = None,
        storage_gb: int | None = None,
        base_image: str | None = None,
        template_id: str | None = None,
        auto_stop_minutes: int | None = None,
        max_run_minutes: int | None = None,
        github_token: str | None = None,
        git_user_name: str | None = None,
        git_user_email: str | None = None,
        ssh_public_key: str | None = None,
        code_server_password: str | None = None,
        anthropic_api_key: str | None = None,
        openai_api_key: str | None = None,
        gemini_api_key: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_service_pb2.CreateEnvironmentResponse:
        """Stores an environment and begins to make it. It is CREATING in the answer; follow it with WatchEnvironment.

        Errors: INVALID_ARGUMENT; FAILED_PRECONDITION with ERROR_REASON_QUOTA_EXCEEDED; NOT_FOUND for a template; ABORTED with
        ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            name: What people call it, 1 to 128 characters.
            user_id: Whose it is. Empty: whoever calls, or "default-user" when nobody says. Only an admin names
                somebody else.
            cloud_provider: The cloud: exactly AZURE, AWS or GCP. While no cloud is configured each of them is made
                on this machine.
            cloud_region: One of its regions, such as "eastus".
            cpu_cores: Processor cores, 1 to 4.
            memory_gb: Memory in GB, 1 to 16.
            storage_gb: Storage in GB, 10 to 100.
            base_image: Kept, shown, and otherwise ignored; the image is that of the template or of
                ENVIRONMENT_IMAGE.
            template_id: Template to start from.
            auto_stop_minutes: Minutes without activity after which it is stopped, 0 for never. Unset means 30.
            max_run_minutes: Minutes after a start at which it is stopped in any case, 0 for never. Unset means that
                of the server.
            github_token: Token for private repositories at GitHub.
            git_user_name: Name for commits.
            git_user_email: Address for commits.
            ssh_public_key: Public key that may enter by SSH, as in an authorized_keys file.
            code_server_password: Password of the editor. Empty: one is made, and told once.
            anthropic_api_key: Key for Anthropic's API.
            openai_api_key: Key for OpenAI's API.
            gemini_api_key: Key for Gemini's API.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE.request(
            name=name,
            user_id=user_id,
            cloud_provider=enums.EnvironmentsEnvironmentCloudProvider_NUMBERS.get(cloud_provider, cloud_provider),
            cloud_region=cloud_region,
            cpu_cores=cpu_cores,
            memory_gb=memory_gb,
            storage_gb=storage_gb,
            base_image=base_image,
            template_id=template_id,
            auto_stop_minutes=auto_stop_minutes,
            max_run_minutes=max_run_minutes,
            github_token=github_token,
            git_user_name=git_user_name,
            git_user_email=git_user_email,
            ssh_public_key=ssh_public_key,
            code_server_password=code_server_password,
            anthropic_api_key=anthropic_api_key,
            openai_api_key=openai_api_key,
            gemini_api_key=gemini_api_key,
            request_id=request_id or new_key(),
        )
        return await self._create(request, timeout, headers)

    async def get(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_service_pb2.GetEnvironmentResponse:
        """Reads one environment.

        Errors: NOT_FOUND.

        Args:
            id: Its id.
        """
        request = methods.GET.request(
            id=id,
        )
        return await self._get(request, timeout, headers)

    def list(
        self,
        *,
        page: int | None = None,
        page_size: int | None = None,
        user_id: str | None = None,
        status: enums.EnvironmentsEnvironmentStatus | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[environment_service_pb2.ListEnvironmentsResponse, environment_pb2.Environment]:
        """Lists environments, the newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            page: Page, from 1. A page beyond the end is empty.
            page_size: Environments on a page. More than 100 is lowered to it.
            user_id: Only those of this user. Who is no admin lists only their own.
            status: Only those that stand there.
        """
        request = methods.LIST.method.request(
            page=page,
            page_size=page_size,
            user_id=user_id,
            status=enums.EnvironmentsEnvironmentStatus_NUMBERS.get(status, status),
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    async def update(
        self,
        id: str,
        *,
        name: str | None = None,
        auto_stop_minutes: int | None = None,
        max_run_minutes: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_service_pb2.UpdateEnvironmentResponse:
        """Changes its name or when it is stopped by itself.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            id: Its id.
            name: 1 to 128 characters.
            auto_stop_minutes: Minutes without activity after which it is stopped, 0 for never.
            max_run_minutes: Minutes after a start at which it is stopped in any case, 0 for never.
        """
        request = methods.UPDATE.request(
            id=id,
            name=name,
            auto_stop_minutes=auto_stop_minutes,
            max_run_minutes=max_run_minutes,
        )
        return await self._update(request, timeout, headers)

    async def start(
        self,
        id: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_service_pb2.StartEnvironmentResponse:
        """Starts it, from STOPPED or ERROR. Waits up to 10 s for the end; it may still be STARTING when this is answered.

        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_ENVIRONMENT_STATE or ERROR_REASON_QUOTA_EXCEEDED; INTERNAL with
        ERROR_REASON_ENVIRONMENT_FAILED; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            id: Its id.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.START.request(
            id=id,
            request_id=request_id or new_key(),
        )
        return await self._start(request, timeout, headers)

    async def stop(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_service_pb2.StopEnvironmentResponse:
        """Stops it, from RUNNING: no process of it is left, its files are. Waits up to 10 s for the end.

        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_ENVIRONMENT_STATE; INTERNAL with
        ERROR_REASON_ENVIRONMENT_FAILED.

        Args:
            id: Its id.
        """
        request = methods.STOP.request(
            id=id,
        )
        return await self._stop(request, timeout, headers)

    async def delete(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_service_pb2.DeleteEnvironmentResponse:
        """Deletes it with its files, whatever state it is in; what is at work on it is broken off. Waits up to 10 s for the end; it

        is DELETING until it is gone.
        Errors: NOT_FOUND; INTERNAL with ERROR_REASON_ENVIRONMENT_FAILED.

        Args:
            id: Its id.
        """
        request = methods.DELETE.request(
            id=id,
        )
        return await self._delete(request, timeout, headers)

    def watch(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[environment_service_pb2.WatchEnvironmentResponse]:
        """Sends the environment now and after each change, each step of its provider too. Ends when it is gone.

        Errors: NOT_FOUND.

        Args:
            id: Its id.
        """
        request = methods.WATCH.request(
            id=id,
        )
        return self._connection.stream(methods.WATCH, request, timeout, headers)

    async def list_ports(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_service_pb2.ListPortsResponse:
        """Lists the ports it can be reached at.

        Errors: NOT_FOUND.

        Args:
            id: Its id.
        """
        request = methods.LIST_PORTS.request(
            id=id,
        )
        return await self._list_ports(request, timeout, headers)

    def stream_logs(
        self,
        environment_id: str,
        *,
        tail: int | None = None,
        follow: bool | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[output_service_pb2.StreamLogsResponse]:
        """Sends what an environment has printed, and with `follow` what it prints from then on.

        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_ENVIRONMENT_STATE while nothing of it was made.

        Args:
            environment_id: Id of the environment.
            tail: So many of the last lines, 1 to 10,000. Zero means 100.
            follow: Go on with what is printed from then on.
        """
        request = methods.STREAM_LOGS.request(
            environment_id=environment_id,
            tail=tail,
            follow=follow,
        )
        return self._connection.stream(methods.STREAM_LOGS, request, timeout, headers)

    def exec(
        self,
        environment_id: str,
        *,
        command: Sequence[str] | None = None,
        timeout_seconds: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[output_service_pb2.ExecResponse]:
        """Runs a command in an environment and sends what it prints.

        Errors: NOT_FOUND; INVALID_ARGUMENT; FAILED_PRECONDITION with ERROR_REASON_ENVIRONMENT_STATE unless it is RUNNING.

        Args:
            environment_id: Id of the environment.
            command: Program and arguments, at most 256, together at most 64 KiB. No shell reads them.
            timeout_seconds: It is ended after so many seconds, 1 to 3,600. Zero means 60.
        """
        request = methods.EXEC.request(
            environment_id=environment_id,
            command=command,
            timeout_seconds=timeout_seconds,
        )
        return self._connection.stream(methods.EXEC, request, timeout, headers)

    async def report_activity(
        self,
        environment_id: str,
        *,
        snapshot: Mapping[str, Any] | activity_service_pb2.ActivitySnapshot,
        timestamp: datetime.datetime | timestamp_pb2.Timestamp,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> activity_service_pb2.ReportActivityResponse:
        """Records what the supervisor in an environment has seen. A report that is older than the newest changes nothing.

        Errors: NOT_FOUND; INVALID_ARGUMENT, also for times more than 5 minutes ahead of ours.

        Args:
            environment_id: Its id. A body that has one must have the same.
            snapshot: What was seen.
            timestamp: When it was seen.
        """
        request = methods.REPORT_ACTIVITY.request(
            environment_id=environment_id,
            snapshot=snapshot,
            timestamp=timestamp,
        )
        return await self._report_activity(request, timeout, headers)

    async def keep_awake(
        self,
        environment_id: str,
        *,
        reason: str,
        until: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        task_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> activity_service_pb2.KeepAwakeResponse:
        """Keeps it from being stopped for want of activity, until a time or as long as a Task is not final; replaces what kept it

        awake before. The hard maximum holds nevertheless.
        Errors: NOT_FOUND for the environment or the Task; INVALID_ARGUMENT.

        Args:
            environment_id: Id of the environment.
            reason: Why, for people, 1 to 256 characters.
            until: Until then, at most 7 days ahead.
            task_id: Until that Task, of any kind, has ended.
        """
        request = methods.KEEP_AWAKE.request(
            environment_id=environment_id,
            reason=reason,
            until=until,
            task_id=task_id,
        )
        return await self._keep_awake(request, timeout, headers)

    async def let_sleep(
        self,
        environment_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> activity_service_pb2.LetSleepResponse:
        """Ends that. Nothing happens if nothing keeps it awake.

        Errors: NOT_FOUND.

        Args:
            environment_id: Its id.
        """
        request = methods.LET_SLEEP.request(
            environment_id=environment_id,
        )
        return await self._let_sleep(request, timeout, headers)

    def list_decisions(
        self,
        environment_id: str,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[activity_service_pb2.ListDecisionsResponse, activity_service_pb2.Decision]:
        """Lists what was decided about it without being asked for, and from what, the newest first.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            environment_id: Id of the environment.
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST_DECISIONS.method.request(
            environment_id=environment_id,
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST_DECISIONS, request, timeout, headers)

    async def get_cost(
        self,
        environment_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> cost_service_pb2.GetCostResponse:
        """Tells what an environment has cost so far, and what it costs while it runs and while it does not.

        Errors: NOT_FOUND.

        Args:
            environment_id: Its id.
        """
        request = methods.GET_COST.request(
            environment_id=environment_id,
        )
        return await self._get_cost(request, timeout, headers)

    async def estimate_cost(
        self,
        *,
        cloud_provider: enums.EnvironmentsEnvironmentCloudProvider,
        cpu_cores: int | None = None,
        memory_gb: int | None = None,
        storage_gb: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> cost_service_pb2.EstimateCostResponse:
        """Tells what an environment of a size would cost.

        Errors: INVALID_ARGUMENT.

        Args:
            cloud_provider: The cloud.
            cpu_cores: Processor cores, 1 to 4. Unset means 2.
            memory_gb: Memory in GB, 1 to 16. Unset means 4.
            storage_gb: Storage in GB, 10 to 100. Unset means 20.
        """
        request = methods.ESTIMATE_COST.request(
            cloud_provider=enums.EnvironmentsEnvironmentCloudProvider_NUMBERS.get(cloud_provider, cloud_provider),
            cpu_cores=cpu_cores,
            memory_gb=memory_gb,
            storage_gb=storage_gb,
        )
        return await self._estimate_cost(request, timeout, headers)

    async def create_schedule(
        self,
        environment_id: str,
        *,
        action: enums.EnvironmentsEnvironmentScheduleAction,
        cron_expression: str,
        timezone: str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_schedule_service_pb2.CreateEnvironmentScheduleResponse:
        """Stores a schedule.

        Errors: NOT_FOUND; INVALID_ARGUMENT, also for a 21st schedule of an environment; ABORTED with
        ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            environment_id: Id of the environment.
            action: What is done.
            cron_expression: As in EnvironmentSchedule.
            timezone: As in EnvironmentSchedule.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE_SCHEDULE.request(
            environment_id=environment_id,
            action=enums.EnvironmentsEnvironmentScheduleAction_NUMBERS.get(action, action),
            cron_expression=cron_expression,
            timezone=timezone,
            request_id=request_id or new_key(),
        )
        return await self._create_schedule(request, timeout, headers)

    async def list_schedules(
        self,
        environment_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_schedule_service_pb2.ListEnvironmentSchedulesResponse:
        """Lists the schedules of an environment, at most 20.

        Errors: NOT_FOUND.

        Args:
            environment_id: Id of the environment.
        """
        request = methods.LIST_SCHEDULES.request(
            environment_id=environment_id,
        )
        return await self._list_schedules(request, timeout, headers)

    async def delete_schedule(
        self,
        environment_id: str,
        schedule_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> environment_schedule_service_pb2.DeleteEnvironmentScheduleResponse:
        """Deletes a schedule.

        Errors: NOT_FOUND.

        Args:
            environment_id: Id of the environment.
            schedule_id: Id of the schedule.
        """
        request = methods.DELETE_SCHEDULE.request(
            environment_id=environment_id,
            schedule_id=schedule_id,
        )
        return await self._delete_schedule(request, timeout, headers)

    async def create_template(
        self,
        *,
        template: Mapping[str, Any] | template_service_pb2.Template,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> template_service_pb2.CreateTemplateResponse:
        """Stores a template.

        Errors: INVALID_ARGUMENT; ALREADY_EXISTS; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            template: The template.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE_TEMPLATE.request(
            template=template,
            request_id=request_id or new_key(),
        )
        return await self._create_template(request, timeout, headers)

    async def get_template(
        self,
        template_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> template_service_pb2.GetTemplateResponse:
        """Reads a template.

        Errors: NOT_FOUND.

        Args:
            template_id: Its id.
        """
        request = methods.GET_TEMPLATE.request(
            template_id=template_id,
        )
        return await self._get_template(request, timeout, headers)

    def list_templates(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[template_service_pb2.ListTemplatesResponse, template_service_pb2.Template]:
        """Lists templates by their ids.

        Errors: INVALID_ARGUMENT.

        Args:
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST_TEMPLATES.method.request(
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST_TEMPLATES, request, timeout, headers)

    async def update_template(
        self,
        template_id: str,
        *,
        template: Mapping[str, Any] | template_service_pb2.Template,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> template_service_pb2.UpdateTemplateResponse:
        """Replaces a template. Environments that were made from it stay as they are.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            template_id: Its id.
            template: The template; its id may be left out and must be the same otherwise.
        """
        request = methods.UPDATE_TEMPLATE.request(
            template_id=template_id,
            template=template,
        )
        return await self._update_template(request, timeout, headers)

    async def delete_template(
        self,
        template_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> template_service_pb2.DeleteTemplateResponse:
        """Deletes a template. Environments that were made from it stay.

        Errors: NOT_FOUND.

        Args:
            template_id: Its id.
        """
        request = methods.DELETE_TEMPLATE.request(
            template_id=template_id,
        )
        return await self._delete_template(request, timeout, headers)

    async def get_quota(
        self,
        user_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> quota_service_pb2.GetQuotaResponse:
        """Reads the quota of a user, and how much of it is used.

        Errors: NOT_FOUND for somebody else's, unless an admin asks.

        Args:
            user_id: The user.
        """
        request = methods.GET_QUOTA.request(
            user_id=user_id,
        )
        return await self._get_quota(request, timeout, headers)

    async def set_quota(
        self,
        user_id: str,
        *,
        limit: Mapping[str, Any] | quota_service_pb2.Amounts,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> quota_service_pb2.SetQuotaResponse:
        """Sets the quota of a user. What they have already stays.

        Errors: INVALID_ARGUMENT.

        Args:
            user_id: The user.
            limit: What they may have.
        """
        request = methods.SET_QUOTA.request(
            user_id=user_id,
            limit=limit,
        )
        return await self._set_quota(request, timeout, headers)

    async def reset_quota(
        self,
        user_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> quota_service_pb2.ResetQuotaResponse:
        """Gives a user the quota of the server again. Nothing happens if they have it already.

        Args:
            user_id: The user.
        """
        request = methods.RESET_QUOTA.request(
            user_id=user_id,
        )
        return await self._reset_quota(request, timeout, headers)

    async def reconcile(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> reconciliation_service_pb2.ReconcileResponse:
        """Asks for a comparison now, at every provider that is configured, besides those that come by themselves."""
        request = methods.RECONCILE.request(
        )
        return await self._reconcile(request, timeout, headers)

    async def get_reconciliation(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> reconciliation_service_pb2.GetReconciliationResponse:
        """Tells how the comparisons went last, by provider."""
        request = methods.GET_RECONCILIATION.request(
        )
        return await self._get_reconciliation(request, timeout, headers)

    def list_orphans(
        self,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[reconciliation_service_pb2.ListOrphansResponse, reconciliation_service_pb2.Orphan]:
        """Lists what providers have of ours that belongs to no environment, oldest first.

        Errors: INVALID_ARGUMENT.

        Args:
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST_ORPHANS.method.request(
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST_ORPHANS, request, timeout, headers)

    async def remove_orphan(
        self,
        provider: str,
        environment_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> reconciliation_service_pb2.RemoveOrphanResponse:
        """Removes an orphan at its provider, with its files. Answers when a worker has been asked to.

        Errors: NOT_FOUND.

        Args:
            provider: Who has it.
            environment_id: As in Orphan.
        """
        request = methods.REMOVE_ORPHAN.request(
            provider=provider,
            environment_id=environment_id,
        )
        return await self._remove_orphan(request, timeout, headers)

    async def get_agent(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> agent_service_pb2.GetAgentResponse:
        """Tells what this is."""
        request = methods.GET_AGENT.request(
        )
        return await self._get_agent(request, timeout, headers)

    async def get_agent_health(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> agent_service_pb2.GetAgentHealthResponse:
        """Tells whether it is well."""
        request = methods.GET_AGENT_HEALTH.request(
        )
        return await self._get_agent_health(request, timeout, headers)

    async def get_agent_readiness(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> agent_service_pb2.GetAgentReadinessResponse:
        """Tells whether it can work.

        Errors: UNAVAILABLE while the database cannot be read.
        """
        request = methods.GET_AGENT_READINESS.request(
        )
        return await self._get_agent_readiness(request, timeout, headers)

    async def get_agent_liveness(
        self,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> agent_service_pb2.GetAgentLivenessResponse:
        """Tells that it lives."""
        request = methods.GET_AGENT_LIVENESS.request(
        )
        return await self._get_agent_liveness(request, timeout, headers)
