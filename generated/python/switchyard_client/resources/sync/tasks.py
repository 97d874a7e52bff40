"""`client.tasks`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import task_service_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import tasks as methods


class Tasks:
    """The pieces of work behind it all."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._get = connection.unary(methods.GET)
        self._cancel = connection.unary(methods.CANCEL)

    def get(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> task_pb2.Task:
        """Reads one Task, without its payload.

        Errors: NOT_FOUND.

        Args:
            id: Id of the Task.
        """
        request = methods.GET.request(
            id=id,
        )
        return (self._get(request, timeout, headers)).task

    def list(
        self,
        *,
        kind: str | None = None,
        subject: str | None = None,
        state: enums.TasksTaskState | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[task_service_pb2.ListTasksResponse, task_pb2.Task]:
        """Lists Tasks, newest first, without payloads.

        Args:
            kind: Only this kind.
            subject: Only this subject.
            state: Only this state.
            page_size: At most this many, 1 to 500. Zero means 50; more is lowered to 500.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST.method.request(
            kind=kind,
            subject=subject,
            state=enums.TasksTaskState_NUMBERS.get(state, state),
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST, request, timeout, headers)

    def cancel(
        self,
        id: str,
        *,
        reason: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> task_pb2.Task:
        """Asks a Task to end. A queued Task is CANCELLED at once; a running one becomes CANCELLING, and CANCELLED

        when its process is gone. Repeating it changes nothing.
        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_TASK_FINAL.

        Args:
            id: Id of the Task.
            reason: Why, for the log; at most 500 characters.
        """
        request = methods.CANCEL.request(
            id=id,
            reason=reason,
        )
        return (self._cancel(request, timeout, headers)).task

    def watch(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[task_service_pb2.WatchTaskResponse]:
        """Sends a Task each time it changes, its present state first, and ends after a final state.

        Errors: NOT_FOUND.

        Args:
            id: Id of the Task.
        """
        request = methods.WATCH.request(
            id=id,
        )
        return self._connection.stream(methods.WATCH, request, timeout, headers)
