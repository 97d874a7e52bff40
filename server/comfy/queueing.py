"""Queues the open workflow: asks the session for it, stores it once, and a prompt for each iteration.

Where nothing of ours is ahead of the first prompt, whoever queues learns whether ComfyUI takes it.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import sqlalchemy as sa

from server import json_text
from server.clock import Clock
from server.comfy import prompt_store, prompt_view, session_lookup, session_store
from server.comfy.calls import Calls
from server.comfy.new_task import PROMPT_SECONDS
from server.comfy.refusals import refusal_of
from server.comfy.session_row import SessionRow
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import BrowserGone, GraphRefused, TaskFinal
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from server.tasks import store
from server.tasks.kernel import LOOK_SECONDS, Kernel
from server.tasks.task import TaskRow
from switchyard.comfy.v1 import comfy_worker_service_pb2 as worker_pb
from switchyard.comfy.v1 import workflow_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Task

# How long whoever queues waits for ComfyUI to take the first prompt. The page takes milliseconds.
SENT_SECONDS: Final = 30.0
_REFUSED: Final = "ComfyUI does not take the graph"


class Queueing:
    """Queues workflows."""

    def __init__(self, database: Database, kernel: Kernel, calls: Calls, clock: Clock) -> None:
        self._database = database
        self._kernel = kernel
        self._calls = calls
        self._clock = clock

    async def queue(self, request: pb.QueueWorkflowRequest) -> pb.QueueWorkflowResponse:
        """Queue the open workflow.

        Raises:
            NoSession, BrowserGone: there is no session that takes calls.
            NoWorkflow, InvalidArgument, ComfyUnreachable: the session cannot give the workflow.
            GraphRefused: ComfyUI does not take it; none of its prompts waits any more.
        """
        key = IdempotencyKey.of_call(request.request_id, "QueueWorkflow")
        earlier = await self._answered(key, request)
        if earlier is not None:
            return _first_answer(earlier)
        tenant, name = session_lookup.tenant_of_caller(), session_lookup.name_of(request.session)
        session = await self._database.read(lambda connection: session_lookup.require_ready(connection, tenant, name))
        composed = await self._compose(session, request)
        response = await self._database.write(
            partial(self._store, session=session, request=request, key=key, composed=composed)
        )
        await self._settle(response, key)
        return _first_answer(response)

    async def _answered(self, key: IdempotencyKey, request: pb.QueueWorkflowRequest) -> pb.QueueWorkflowResponse | None:
        """Return the first answer to a call that is repeated. Keeps nothing of one that is not."""

        def work(connection: sa.Connection) -> bytes:
            earlier = idempotency.remember(connection, key, request, now=self._clock())
            if earlier is None:
                raise _Unanswered
            return earlier

        if not key.key:
            return None
        try:
            return pb.QueueWorkflowResponse.FromString(await self._database.write(work))
        except _Unanswered:
            return None

    async def _compose(
        self, session: SessionRow, request: pb.QueueWorkflowRequest
    ) -> worker_pb.AnswerCallRequest.Composed:
        """Ask the session for the workflow that is open."""
        compose = worker_pb.FollowCallsResponse.Compose(
            inputs=request.inputs,
            seed_policy=request.seed_policy or pb.QueueWorkflowRequest.SEED_POLICY_KEEP,
            seed=request.seed if request.HasField("seed") else None,
            iterations=_iterations(request),
        )
        answer = await self._calls.ask(session.id, worker_pb.FollowCallsResponse(compose=compose))
        if answer.WhichOneof("answer") != "composed":
            raise refusal_of(answer, session.name)
        if json_text.fault_of_object(answer.composed.prompt) is not None:
            raise GraphRefused("the workflow gives no graph that ComfyUI could take")
        return answer.composed

    def _store(
        self,
        connection: sa.Connection,
        *,
        session: SessionRow,
        request: pb.QueueWorkflowRequest,
        key: IdempotencyKey,
        composed: worker_pb.AnswerCallRequest.Composed,
    ) -> pb.QueueWorkflowResponse:
        """Store graph and prompts. A call with the same key may have been quicker: then its answer is returned."""
        now = self._clock()
        earlier = idempotency.remember(connection, key, request, now=now)
        if earlier is not None:
            return pb.QueueWorkflowResponse.FromString(earlier)
        # Nobody ends the session while its prompts are stored; one that is over gets none.
        held = store.get_locked(connection, session.id)
        if held is None or held.state != Task.STATE_RUNNING:
            raise BrowserGone("the session has ended meanwhile")
        number = session_store.next_graph(connection, session.id, now=now)
        session_store.insert_graph(connection, session.id, number, graph=composed.prompt, workflow=composed.workflow)
        payloads = _payloads(session, number, _iterations(request), composed.seeds)
        seconds = request.timeout_seconds if request.HasField("timeout_seconds") else PROMPT_SECONDS
        tasks = [
            prompt_store.insert(connection, session, payload, timeout_seconds=seconds, now=now) for payload in payloads
        ]
        response = _response([task.id for task in tasks])
        idempotency.store_answer(connection, key, response)
        after_commit(connection, partial(self._kernel.announce, tasks))
        return response

    async def _settle(self, response: pb.QueueWorkflowResponse, key: IdempotencyKey) -> None:
        """Wait for what comes of the first prompt. If ComfyUI refuses it, the others end and `response` says so."""
        ids = response.details.prompt_ids
        if not response.success or not ids:
            return
        first = await self._first_outcome(ids[0])
        if first.error_type == prompt_view.GRAPH_REFUSED:
            response.Clear()
            response.message = first.error_message
            await self._database.write(partial(self._give_up, ids=tuple(ids), key=key, response=response))

    async def _first_outcome(self, prompt_id: str) -> TaskRow:
        """Return the Task of a prompt once it was sent or is final, or at once if something of ours is ahead of it."""
        end = time.monotonic() + SENT_SECONDS
        with self._kernel.changes.watch(prompt_id) as watch:
            while True:
                task, decided = await self._database.read(partial(_outcome, prompt_id=prompt_id))
                left = end - time.monotonic()
                if decided or left <= 0:
                    return task
                await watch.wait(min(left, LOOK_SECONDS))

    def _give_up(
        self,
        connection: sa.Connection,
        *,
        ids: Sequence[str],
        key: IdempotencyKey,
        response: pb.QueueWorkflowResponse,
    ) -> None:
        """End the prompts that wait with a graph that is refused, and keep the refusal as the answer."""
        changed: list[TaskRow] = []
        for prompt_id in ids:
            with suppress(TaskFinal):
                changed += store.cancel(
                    connection, prompt_id, reason=_REFUSED, now=self._clock(), hooks=self._kernel.final_hooks
                ).rows
        idempotency.store_answer(connection, key, response)
        after_commit(connection, partial(self._kernel.announce, changed))


class _Unanswered(Exception):
    """Undoes a unit of work that found no answer."""


def _outcome(connection: sa.Connection, *, prompt_id: str) -> tuple[TaskRow, bool]:
    """Return the Task of a prompt, and whether more waiting would tell nothing."""
    row = prompt_store.require(connection, prompt_id, tenant=None)
    if row.task.final or row.comfy_prompt_id is not None:
        return row.task, True
    waits = row.task.state == Task.STATE_QUEUED
    return row.task, waits and prompt_store.anything_ahead(connection, row.task)


def _first_answer(response: pb.QueueWorkflowResponse) -> pb.QueueWorkflowResponse:
    """Return the answer of a call, or raise the refusal that it was."""
    if not response.success:
        raise GraphRefused(response.message)
    return response


def _response(prompt_ids: Sequence[str]) -> pb.QueueWorkflowResponse:
    count = len(prompt_ids)
    return pb.QueueWorkflowResponse(
        success=True,
        message=f"Queued {count} execution{'s' if count > 1 else ''}",
        details=pb.QueueWorkflowResponse.Details(iterations=count, prompt_ids=prompt_ids),
    )


def _payloads(
    session: SessionRow, graph_number: int, iterations: int, seeds: Sequence[int]
) -> list[worker_pb.SendPrompt]:
    return [
        worker_pb.SendPrompt(
            session=session.name,
            session_id=session.id,
            graph_number=graph_number,
            iteration=iteration,
            seed=seeds[iteration] if iteration < len(seeds) else None,
        )
        for iteration in range(iterations)
    ]


def _iterations(request: pb.QueueWorkflowRequest) -> int:
    return request.iterations if request.HasField("iterations") else 1
