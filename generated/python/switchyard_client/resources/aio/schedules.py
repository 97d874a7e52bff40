"""`client.schedules`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import timestamp_pb2
from switchyard.orchestrator.v1 import schedule_pb2
from switchyard.orchestrator.v1 import schedule_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import schedules as methods


class Schedules:
    """Workflows by the clock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._create = connection.unary(methods.CREATE)
        self._get = connection.unary(methods.GET)
        self._update = connection.unary(methods.UPDATE)
        self._enable = connection.unary(methods.ENABLE)
        self._disable = connection.unary(methods.DISABLE)
        self._trigger = connection.unary(methods.TRIGGER)
        self._delete = connection.unary(methods.DELETE)
        self._preview = connection.unary(methods.PREVIEW)

    async def create(
        self,
        *,
        workflow_id: str,
        schedule_name: str,
        cron_expression: str,
        enabled: bool | None = None,
        priority: int | None = None,
        execution_mode: enums.OrchestratorExecutionMode | None = None,
        timezone: str | None = None,
        catch_up_policy: enums.OrchestratorScheduleCatchUpPolicy | None = None,
        overlap_policy: enums.OrchestratorScheduleOverlapPolicy | None = None,
        variables: Mapping[str, Any] | str | None = None,
        metadata: Mapping[str, Any] | str | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_pb2.Schedule:
        """Creates a schedule.

        Errors: INVALID_ARGUMENT "Invalid cron expression: ..."; NOT_FOUND "Workflow not found: <id>"; ABORTED with
        ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            workflow_id: The workflow that is run.
            schedule_name: 1 to 255 characters.
            cron_expression: Five fields: minute, hour, day of month, month, day of week, with names; or a macro
                such as @daily.
            enabled: Whether it fires from now on. Unset means true.
            priority: Priority of its jobs, 0 (first) to 20. Unset means 10.
            execution_mode: Who may run its jobs.
            timezone: IANA name of the zone its fields are in. Unset means UTC.
            catch_up_policy: Fire times that passed while no server ran.
            overlap_policy: Fire times while a job of it is not final.
            variables: Variables of its jobs, over those of the workflow.
            metadata: Further facts, kept as sent.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.CREATE.request(
            workflow_id=workflow_id,
            schedule_name=schedule_name,
            cron_expression=cron_expression,
            enabled=enabled,
            priority=priority,
            execution_mode=enums.OrchestratorExecutionMode_NUMBERS.get(execution_mode, execution_mode),
            timezone=timezone,
            catch_up_policy=enums.OrchestratorScheduleCatchUpPolicy_NUMBERS.get(catch_up_policy, catch_up_policy),
            overlap_policy=enums.OrchestratorScheduleOverlapPolicy_NUMBERS.get(overlap_policy, overlap_policy),
            variables=content.json_text(variables),
            metadata=content.json_text(metadata),
            request_id=request_id or new_key(),
        )
        return (await self._create(request, timeout, headers)).schedule

    def list(
        self,
        *,
        workflow_id: str | None = None,
        enabled: bool | None = None,
        limit: int | None = None,
        before: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[schedule_service_pb2.ListSchedulesResponse, schedule_pb2.Schedule]:
        """Lists schedules, the newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            workflow_id: Only those of this workflow.
            enabled: Only enabled or only disabled ones.
            limit: At most this many. Unset means 100.
            before: Only those created before the schedule of this id, to go on where a list ended.
        """
        request = methods.LIST.method.request(
            workflow_id=workflow_id,
            enabled=enabled,
            limit=limit,
            before=before,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    async def get(
        self,
        schedule_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_pb2.Schedule:
        """Reads one schedule.

        Errors: NOT_FOUND.

        Args:
            schedule_id: Id of the schedule.
        """
        request = methods.GET.request(
            schedule_id=schedule_id,
        )
        return (await self._get(request, timeout, headers)).schedule

    async def update(
        self,
        schedule_id: str,
        *,
        schedule_name: str | None = None,
        cron_expression: str | None = None,
        enabled: bool | None = None,
        priority: int | None = None,
        execution_mode: enums.OrchestratorExecutionMode | None = None,
        timezone: str | None = None,
        catch_up_policy: enums.OrchestratorScheduleCatchUpPolicy | None = None,
        overlap_policy: enums.OrchestratorScheduleOverlapPolicy | None = None,
        variables: Mapping[str, Any] | str | None = None,
        metadata: Mapping[str, Any] | str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_pb2.Schedule:
        """Changes a schedule. Fire times that have passed keep their record.

        Errors: NOT_FOUND; INVALID_ARGUMENT; UNAVAILABLE while very many fire times that passed are put on record.

        Args:
            schedule_id: Id of the schedule.
            schedule_name: New name.
            cron_expression: New expression.
            enabled: Whether it fires.
            priority: New priority of its jobs.
            execution_mode: New execution mode. Unspecified leaves it.
            timezone: New zone.
            catch_up_policy: New policy. Unspecified leaves it.
            overlap_policy: New policy. Unspecified leaves it.
            variables: New variables, in place of the old.
            metadata: New metadata, in place of the old.
        """
        request = methods.UPDATE.request(
            schedule_id=schedule_id,
            schedule_name=schedule_name,
            cron_expression=cron_expression,
            enabled=enabled,
            priority=priority,
            execution_mode=enums.OrchestratorExecutionMode_NUMBERS.get(execution_mode, execution_mode),
            timezone=timezone,
            catch_up_policy=enums.OrchestratorScheduleCatchUpPolicy_NUMBERS.get(catch_up_policy, catch_up_policy),
            overlap_policy=enums.OrchestratorScheduleOverlapPolicy_NUMBERS.get(overlap_policy, overlap_policy),
            variables=content.json_text(variables),
            metadata=content.json_text(metadata),
        )
        return (await self._update(request, timeout, headers)).schedule

    async def enable(
        self,
        schedule_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_pb2.Schedule:
        """Lets it fire, from the next fire time on. Nothing happens if it does already.

        Errors: NOT_FOUND; UNAVAILABLE as for UpdateSchedule.

        Args:
            schedule_id: Id of the schedule.
        """
        request = methods.ENABLE.request(
            schedule_id=schedule_id,
        )
        return (await self._enable(request, timeout, headers)).schedule

    async def disable(
        self,
        schedule_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_pb2.Schedule:
        """Keeps it from firing. Jobs that are queued stay.

        Errors: NOT_FOUND; UNAVAILABLE as for UpdateSchedule.

        Args:
            schedule_id: Id of the schedule.
        """
        request = methods.DISABLE.request(
            schedule_id=schedule_id,
        )
        return (await self._disable(request, timeout, headers)).schedule

    async def trigger(
        self,
        schedule_id: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_service_pb2.TriggerScheduleResponse:
        """Queues a job now, whether it is enabled or not, whatever its overlap policy. It counts.

        Errors: NOT_FOUND; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            schedule_id: Id of the schedule.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.TRIGGER.request(
            schedule_id=schedule_id,
            request_id=request_id or new_key(),
        )
        return await self._trigger(request, timeout, headers)

    async def delete(
        self,
        schedule_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_service_pb2.DeleteScheduleResponse:
        """Deletes a schedule with its record. Jobs that are queued stay.

        Errors: NOT_FOUND.

        Args:
            schedule_id: Id of the schedule.
        """
        request = methods.DELETE.request(
            schedule_id=schedule_id,
        )
        return await self._delete(request, timeout, headers)

    def list_occurrences(
        self,
        schedule_id: str,
        *,
        page_size: int | None = None,
        page_token: str | None = None,
        status: enums.OrchestratorOccurrenceStatus | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[schedule_service_pb2.ListOccurrencesResponse, schedule_pb2.Occurrence]:
        """Lists what became of its fire times, the newest first.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            schedule_id: Id of the schedule.
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
            status: Only those with this status. Unspecified means all.
        """
        request = methods.LIST_OCCURRENCES.method.request(
            schedule_id=schedule_id,
            page_size=page_size,
            page_token=page_token,
            status=enums.OrchestratorOccurrenceStatus_NUMBERS.get(status, status),
        )
        return Pages(self._connection, methods.LIST_OCCURRENCES, request, timeout, headers)

    async def preview(
        self,
        schedule_id: str,
        *,
        cron_expression: str | None = None,
        timezone: str | None = None,
        count: int | None = None,
        after: datetime.datetime | timestamp_pb2.Timestamp | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> schedule_service_pb2.PreviewScheduleResponse:
        """Computes the next fire times of a schedule, or of an expression that is not stored.

        Errors: NOT_FOUND; INVALID_ARGUMENT.

        Args:
            schedule_id: Id of the schedule. Empty: `cron_expression` is computed.
            cron_expression: Required without a schedule.
            timezone: Zone of `cron_expression`. Empty means UTC.
            count: How many, 1 to 1,000. Unset means 10.
            after: Only times after this one, which lies between the years 1970 and 9900. Unset means now.
        """
        request = methods.PREVIEW.request(
            schedule_id=schedule_id,
            cron_expression=cron_expression,
            timezone=timezone,
            count=count,
            after=after,
        )
        return await self._preview(request, timeout, headers)
