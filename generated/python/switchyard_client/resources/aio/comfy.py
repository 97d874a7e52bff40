"""`client.comfy`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.comfy.v1 import prompt_pb2
from switchyard.comfy.v1 import session_pb2
from switchyard.comfy.v1 import session_service_pb2
from switchyard.comfy.v1 import workflow_service_pb2

from ... import content
from ...aio.connection import Connection
from ...aio.download import Download
from ...aio.pages import Pages
from ...aio.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import comfy as methods


class Comfy:
    """Sessions at ComfyUI, their workflows and prompts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._start_session = connection.unary(methods.START_SESSION)
        self._stop_session = connection.unary(methods.STOP_SESSION)
        self._get_session_status = connection.unary(methods.GET_SESSION_STATUS)
        self._open_workflow = connection.unary(methods.OPEN_WORKFLOW)
        self._queue_workflow = connection.unary(methods.QUEUE_WORKFLOW)
        self._get_workflow_status = connection.unary(methods.GET_WORKFLOW_STATUS)
        self._get_prompt = connection.unary(methods.GET_PROMPT)
        self._cancel_prompt = connection.unary(methods.CANCEL_PROMPT)
        self._list_prompt_results = connection.unary(methods.LIST_PROMPT_RESULTS)

    async def start_session(
        self,
        *,
        credentials: Mapping[str, Any] | session_service_pb2.StartSessionRequest.Credentials,
        port: int | None = None,
        headless: bool | None = None,
        session: str | None = None,
        mode: enums.ComfySessionMode | None = None,
        on_restart: enums.ComfySessionOnRestart | None = None,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> session_service_pb2.StartSessionResponse:
        """Starts a session and answers when it takes calls, so that nobody needs to wait in between.

        Errors: FAILED_PRECONDITION with ERROR_REASON_SESSION_ACTIVE while one of that name lives, with
        ERROR_REASON_PORT_TAKEN when somebody else listens at the port, with ERROR_REASON_NO_CAPACITY when no worker took it
        within the wait; INVALID_ARGUMENT, with ERROR_REASON_ADDRESS_REFUSED for an address that may not be called;
        INTERNAL with ERROR_REASON_COMFY_UNREACHABLE or ERROR_REASON_COMFY_REFUSED, or with ERROR_REASON_NO_BROWSER when its
        worker has none for it; UNAVAILABLE with ERROR_REASON_BROWSER_GONE. Afterwards nothing of it is left.

        Args:
            credentials: Where and who.
            port: Port on the worker's loopback for other tools. Unset: 9999 if it is free, else any that is.
            headless: Whether the browser shows no window. Unset means yes.
            session: Name of the session: letters, digits, `.`, `_`, `-`, at most 64. Empty means "default".
            mode: How prompts reach ComfyUI. Unset means through the browser.
            on_restart: What happens to prompts that ComfyUI forgot. Unset means that they are sent again.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.START_SESSION.request(
            credentials=credentials,
            port=port,
            headless=headless,
            session=session,
            mode=enums.ComfySessionMode_NUMBERS.get(mode, mode),
            on_restart=enums.ComfySessionOnRestart_NUMBERS.get(on_restart, on_restart),
            request_id=request_id or new_key(),
        )
        return await self._start_session(request, timeout, headers)

    async def stop_session(
        self,
        *,
        session: str | None = None,
        cancel_prompts: bool | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> session_service_pb2.StopSessionResponse:
        """Ends a session: it takes no more calls, and its name is free. Prompts that wait or run are finished first, and the

        browser goes when they have ended; without any, or with `cancel_prompts`, it is gone when this is answered.
        Errors: FAILED_PRECONDITION with ERROR_REASON_NO_SESSION.

        Args:
            session: Its name. Empty means "default".
            cancel_prompts: Ends its prompts, too, instead of finishing them first; also those of a session that is
                finishing them.
        """
        request = methods.STOP_SESSION.request(
            session=session,
            cancel_prompts=cancel_prompts,
        )
        return await self._stop_session(request, timeout, headers)

    async def get_session_status(
        self,
        *,
        session: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> session_service_pb2.GetSessionStatusResponse:
        """Says whether a session is active, and why not. Never fails for a name that nobody has used.

        Args:
            session: Its name. Empty means "default".
        """
        request = methods.GET_SESSION_STATUS.request(
            session=session,
        )
        return await self._get_session_status(request, timeout, headers)

    def list_sessions(
        self,
        *,
        active: bool | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[session_service_pb2.ListSessionsResponse, session_pb2.Session]:
        """Lists sessions, newest first.

        Errors: INVALID_ARGUMENT.

        Args:
            active: Only those that live.
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST_SESSIONS.method.request(
            active=active,
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST_SESSIONS, request, timeout, headers)

    async def open_workflow(
        self,
        *,
        workflow_path: str | None = None,
        workflow: Mapping[str, Any] | str | None = None,
        session: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.OpenWorkflowResponse:
        """Opens a workflow in the session: a file of ComfyUI's user data, or one in the body.

        Errors: INVALID_ARGUMENT for a path that leads elsewhere, a file that is not there, broken JSON, and with
        ERROR_REASON_GRAPH_REFUSED for nodes that ComfyUI does not know; INTERNAL with ERROR_REASON_COMFY_UNREACHABLE.

        Args:
            workflow_path: Path in ComfyUI's user data: "workflows/x.json", "x.json" and "a/b/c.json" all mean a
                file below `workflows/`.
            workflow: The workflow itself, instead of a path: in the format of ComfyUI's page or in that of its API.
            session: Name of the session. Empty means "default".
        """
        request = methods.OPEN_WORKFLOW.request(
            workflow_path=workflow_path,
            workflow=content.json_text(workflow),
            session=session,
        )
        return await self._open_workflow(request, timeout, headers)

    async def queue_workflow(
        self,
        *,
        iterations: int | None = None,
        inputs: Mapping[str, Any] | str | None = None,
        seed_policy: enums.ComfyQueueWorkflowRequestSeedPolicy | None = None,
        seed: int | None = None,
        session: str | None = None,
        request_id: str | None = None,
        timeout_seconds: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.QueueWorkflowResponse:
        """Queues the open workflow so many times and answers with the ids of all prompts. Where nothing of ours is ahead of the

        first one, ComfyUI has taken it before the answer; a graph that it refuses is an error then.
        Errors: FAILED_PRECONDITION with ERROR_REASON_NO_WORKFLOW before one was opened; INVALID_ARGUMENT, with
        ERROR_REASON_GRAPH_REFUSED and the sentences of each node when ComfyUI refuses the graph, and for inputs of nodes or
        widgets that are not there, after which none of its prompts waits any more; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            iterations: How often. Unset means once.
            inputs: Values for widgets: an object whose keys are ids or titles of nodes, and whose values are
                objects of widgets and their values.
            seed_policy: What happens to seeds.
            seed: The seed, for FIXED and INCREMENT.
            session: Name of the session. Empty means "default".
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
            timeout_seconds: Time allowed for each prompt, 1 to 86,400, counted from when it can be sent. ComfyUI is
                then told to stop it, and it ends with error type Timeout.
        """
        request = methods.QUEUE_WORKFLOW.request(
            iterations=iterations,
            inputs=content.json_text(inputs),
            seed_policy=enums.ComfyQueueWorkflowRequestSeedPolicy_NUMBERS.get(seed_policy, seed_policy),
            seed=seed,
            session=session,
            request_id=request_id or new_key(),
            timeout_seconds=timeout_seconds,
        )
        return await self._queue_workflow(request, timeout, headers)

    async def get_workflow_status(
        self,
        *,
        session: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.GetWorkflowStatusResponse:
        """Says what is open and how its prompts stand.

        Args:
            session: Its name. Empty means "default".
        """
        request = methods.GET_WORKFLOW_STATUS.request(
            session=session,
        )
        return await self._get_workflow_status(request, timeout, headers)

    def list_prompts(
        self,
        *,
        session: str | None = None,
        status: enums.ComfyPromptStatus | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[workflow_service_pb2.ListPromptsResponse, prompt_pb2.Prompt]:
        """Lists prompts, newest first, also those of sessions that are over.

        Errors: INVALID_ARGUMENT.

        Args:
            session: Only those of sessions of this name. Empty means all.
            status: Only those with this status. Unspecified means all.
            page_size: At most this many. Zero means 100; more than 1,000 is lowered to it.
            page_token: `next_page_token` of the page before.
        """
        request = methods.LIST_PROMPTS.method.request(
            session=session,
            status=enums.ComfyPromptStatus_NUMBERS.get(status, status),
            page_size=page_size,
            page_token=page_token,
        )
        return Pages(self._connection, methods.LIST_PROMPTS, request, timeout, headers)

    async def get_prompt(
        self,
        prompt_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> prompt_pb2.Prompt:
        """Reads one prompt.

        Errors: NOT_FOUND.

        Args:
            prompt_id: Its id.
        """
        request = methods.GET_PROMPT.request(
            prompt_id=prompt_id,
        )
        return (await self._get_prompt(request, timeout, headers)).prompt

    async def cancel_prompt(
        self,
        prompt_id: str,
        *,
        reason: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.CancelPromptResponse:
        """Stops one prompt and no other. One that waits is never sent; of one that runs ComfyUI is told, and its end is looked

        for before it counts as cancelled. Answers at once.
        Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_TASK_FINAL.

        Args:
            prompt_id: Its id.
            reason: Why, for the record.
        """
        request = methods.CANCEL_PROMPT.request(
            prompt_id=prompt_id,
            reason=reason,
        )
        return await self._cancel_prompt(request, timeout, headers)

    def watch_prompt(
        self,
        prompt_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[workflow_service_pb2.WatchPromptResponse]:
        """Follows one prompt from now to its end.

        Errors: NOT_FOUND.

        Args:
            prompt_id: Its id.
        """
        request = methods.WATCH_PROMPT.request(
            prompt_id=prompt_id,
        )
        return self._connection.stream(methods.WATCH_PROMPT, request, timeout, headers)

    def watch_session(
        self,
        *,
        session: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Stream[workflow_service_pb2.WatchSessionResponse]:
        """Follows all prompts of a session until the session is over.

        Errors: FAILED_PRECONDITION with ERROR_REASON_NO_SESSION.

        Args:
            session: Its name. Empty means "default".
        """
        request = methods.WATCH_SESSION.request(
            session=session,
        )
        return self._connection.stream(methods.WATCH_SESSION, request, timeout, headers)

    async def list_prompt_results(
        self,
        prompt_id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> workflow_service_pb2.ListPromptResultsResponse:
        """Lists the files that a prompt left. They are kept here, whatever becomes of ComfyUI.

        Errors: NOT_FOUND.

        Args:
            prompt_id: Its id.
        """
        request = methods.LIST_PROMPT_RESULTS.request(
            prompt_id=prompt_id,
        )
        return await self._list_prompt_results(request, timeout, headers)

    def download_prompt_result(
        self,
        prompt_id: str,
        name: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """Downloads one of them.

        Errors: NOT_FOUND.

        Args:
            prompt_id: Id of the prompt.
            name: `name` of the result.
        """
        request = methods.DOWNLOAD_PROMPT_RESULT.request(
            prompt_id=prompt_id,
            name=name,
        )
        return Download(self._connection.stream(methods.DOWNLOAD_PROMPT_RESULT, request, timeout, headers))
