"""What the clients must know of the rpcs of `schedules`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.orchestrator.v1 import schedule_service_pb2

from ... import paging, resume
from ...method import Method, Paged

CREATE: Final = Method("/switchyard.orchestrator.v1.ScheduleService/CreateSchedule", schedule_service_pb2.CreateScheduleRequest, schedule_service_pb2.CreateScheduleResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.orchestrator.v1.ScheduleService/ListSchedules", schedule_service_pb2.ListSchedulesRequest, schedule_service_pb2.ListSchedulesResponse, repeatable=True), "schedules", paging.by_oldest("schedules", "schedule_id"))
GET: Final = Method("/switchyard.orchestrator.v1.ScheduleService/GetSchedule", schedule_service_pb2.GetScheduleRequest, schedule_service_pb2.GetScheduleResponse, repeatable=True)
UPDATE: Final = Method("/switchyard.orchestrator.v1.ScheduleService/UpdateSchedule", schedule_service_pb2.UpdateScheduleRequest, schedule_service_pb2.UpdateScheduleResponse)
ENABLE: Final = Method("/switchyard.orchestrator.v1.ScheduleService/EnableSchedule", schedule_service_pb2.EnableScheduleRequest, schedule_service_pb2.EnableScheduleResponse, repeatable=True)
DISABLE: Final = Method("/switchyard.orchestrator.v1.ScheduleService/DisableSchedule", schedule_service_pb2.DisableScheduleRequest, schedule_service_pb2.DisableScheduleResponse, repeatable=True)
TRIGGER: Final = Method("/switchyard.orchestrator.v1.ScheduleService/TriggerSchedule", schedule_service_pb2.TriggerScheduleRequest, schedule_service_pb2.TriggerScheduleResponse, repeatable=True)
DELETE: Final = Method("/switchyard.orchestrator.v1.ScheduleService/DeleteSchedule", schedule_service_pb2.DeleteScheduleRequest, schedule_service_pb2.DeleteScheduleResponse, repeatable=True)
LIST_OCCURRENCES: Final = Paged(Method("/switchyard.orchestrator.v1.ScheduleService/ListOccurrences", schedule_service_pb2.ListOccurrencesRequest, schedule_service_pb2.ListOccurrencesResponse, repeatable=True), "occurrences", paging.by_token)
PREVIEW: Final = Method("/switchyard.orchestrator.v1.ScheduleService/PreviewSchedule", schedule_service_pb2.PreviewScheduleRequest, schedule_service_pb2.PreviewScheduleResponse, repeatable=True)
