"""What the clients must know of the rpcs of `tasks`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.tasks.v1 import task_service_pb2

from ... import paging, resume
from ...method import Method, Paged

GET: Final = Method("/switchyard.tasks.v1.TaskService/GetTask", task_service_pb2.GetTaskRequest, task_service_pb2.GetTaskResponse, repeatable=True)
LIST: Final = Paged(Method("/switchyard.tasks.v1.TaskService/ListTasks", task_service_pb2.ListTasksRequest, task_service_pb2.ListTasksResponse, repeatable=True), "tasks", paging.by_token)
CANCEL: Final = Method("/switchyard.tasks.v1.TaskService/CancelTask", task_service_pb2.CancelTaskRequest, task_service_pb2.CancelTaskResponse)
WATCH: Final = Method("/switchyard.tasks.v1.TaskService/WatchTask", task_service_pb2.WatchTaskRequest, task_service_pb2.WatchTaskResponse, repeatable=True, resumes=resume.from_present)
