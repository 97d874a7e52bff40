"""Puts the parts of this room together: the servicer, as the call that registers it, and what works by itself."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from server.clock import Clock
from server.database.database import Database
from server.orchestrator.schedules.retention import Retention
from server.orchestrator.schedules.schedule_service import ScheduleService
from server.orchestrator.schedules.scheduler import Scheduler
from server.tasks.kernel import Kernel
from switchyard.orchestrator.v1.schedule_service_pb2_grpc import add_ScheduleServiceServicer_to_server


@dataclass(frozen=True, slots=True)
class ScheduleServices:
    """What serves, and what works by itself until cancelled."""

    servicers: Sequence[Callable[[grpc.aio.Server], None]]
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]


def build(*, database: Database, kernel: Kernel, clock: Clock) -> ScheduleServices:
    """Return the parts of this room. The hooks of `kernel` for jobs call `firing.on_job_final`."""
    scheduler = Scheduler(database, kernel, clock)
    service = ScheduleService(database, kernel, scheduler, clock)
    return ScheduleServices(
        servicers=(partial(add_ScheduleServiceServicer_to_server, service),),
        background=(scheduler.run, Retention(database).run),
    )
