"""A server for workers that hold sessions: the board of `tests.integration.workers`, and the sessions' own service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import grpc
import orjson

from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb
from switchyard.comfy.v1 import comfy_worker_service_pb2_grpc as comfy_grpc
from switchyard.comfy.v1.prompt_pb2 import PromptEvent
from switchyard.tasks.v1 import worker_service_pb2_grpc as tasks_grpc
from tests.integration.workers.board import FINAL, STATE, Board, Row, ended, until
from tests.patience import PATIENCE

Answer = pb.AnswerCallRequest


@dataclass
class Session:
    """One session, its calls and its prompts."""

    row: Row
    plan: pb.GetSessionPlanResponse
    board: "ComfyBoard"
    ready: pb.ReportReadyRequest | None = None
    calls: asyncio.Queue[pb.FollowCallsResponse] = field(default_factory=asyncio.Queue)
    answers: dict[int, asyncio.Future[Answer]] = field(default_factory=dict)
    prompts: "list[PromptRow]" = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def held(self) -> bool:
        """Whether a worker has it."""
        return self.row.task.attempt > 0 and not ended(self.row)

    @property
    def error(self) -> tuple[str, str]:
        """Type and message of what ended it."""
        assert self.row.report is not None
        error = self.row.report.failed.error
        return error.type, error.message

    async def wait_ready(self) -> pb.ReportReadyRequest:
        # A page is given up after 75 s, which says more than that it was not there.
        await until(lambda: self.ready is not None or ended(self.row), seconds=3 * PATIENCE)
        assert self.ready is not None, self.row.report
        return self.ready

    async def wait_end(self) -> None:
        await until(lambda: ended(self.row), seconds=2 * PATIENCE)

    async def end_prompts(self) -> None:
        """Have none, whatever their state was."""
        for prompt in self.prompts:
            if prompt.row.task.state == STATE.STATE_QUEUED:
                prompt.row.task.state = STATE.STATE_CANCELLED
            elif not final(prompt.row):
                self.board.cancel(prompt.row)
                await prompt.wait_end()
        self.prompts.clear()

    async def ask(self, call: pb.FollowCallsResponse) -> Answer:
        call.number = next(self.numbers)
        answered = self.answers[call.number] = asyncio.get_running_loop().create_future()
        self.calls.put_nowait(call)
        return await asyncio.wait_for(answered, 2 * PATIENCE)

    async def open(self, workflow: object = None, *, path: str = "") -> Answer:
        text = workflow if isinstance(workflow, str) else "" if workflow is None else orjson.dumps(workflow).decode()
        opening = pb.FollowCallsResponse.Open(workflow_path=path, workflow=text)
        return await self.ask(pb.FollowCallsResponse(open=opening))

    async def compose(self, **fields: Any) -> Answer:
        return await self.ask(
            pb.FollowCallsResponse(compose=pb.FollowCallsResponse.Compose(**{"iterations": 1, **fields}))
        )

    def queue(self, prompt: object, workflow: object = None, *, timeout: float = 3600) -> "PromptRow":
        """Queue a prompt, as JSON text or what is to become it."""
        row = PromptRow(
            self.board.add("comfy_prompt", pb.SendPrompt(session_id=self.row.task.id), timeout=timeout),
            _text(prompt),
            _text(workflow),
            self,
        )
        self.prompts.append(row)
        self.board.changed.set()
        return row


@dataclass
class PromptRow:
    """One prompt, and what was told of it."""

    row: Row
    prompt: str
    workflow: str
    session: Session
    comfy_prompt_ids: list[str] = field(default_factory=list)
    events: list[PromptEvent] = field(default_factory=list)

    @property
    def state(self) -> str:
        return STATE.Name(self.row.task.state).removeprefix("STATE_").lower()

    @property
    def error(self) -> tuple[str, str]:
        assert self.row.report is not None
        error = self.row.report.failed.error
        return error.type, error.message

    @property
    def result(self) -> pb.SendPromptResult:
        assert self.row.report is not None
        result = pb.SendPromptResult()
        outcome = self.row.report
        packed = outcome.success.result if outcome.HasField("success") else outcome.failed.result
        assert packed.Unpack(result)
        return result

    async def wait_sent(self, times: int = 1) -> str:
        await until(lambda: len(self.comfy_prompt_ids) >= times, seconds=PATIENCE)
        return self.comfy_prompt_ids[-1]

    async def wait_node(self, node_id: str) -> None:
        await until(lambda: any(event.node_id == node_id for event in self.events), seconds=PATIENCE)

    async def wait_end(self) -> None:
        """Wait for the end, which comes before that of the session."""
        await until(lambda: ended(self.row) or ended(self.session.row), seconds=2 * PATIENCE)
        assert ended(self.row), self.session.row.report


class ComfyBoard(Board, comfy_grpc.ComfyWorkerServiceServicer):
    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[str, Session] = {}
        self.changed = asyncio.Event()

    def start(self, url: str, **plan: Any) -> Session:
        row = self.add("comfy_session", pb.HoldSession(), timeout=3600)
        whole = pb.GetSessionPlanResponse(**{"url": url, "addresses": ["127.0.0.1"], "headless": True, **plan})
        session = self.sessions[row.task.id] = Session(row, whole, self)
        return session

    async def GetSessionPlan(self, request: pb.GetSessionPlanRequest, context: Any) -> pb.GetSessionPlanResponse:
        await self._row(request.lease, context)
        return self.sessions[request.lease.task_id].plan

    async def ReportReady(self, request: pb.ReportReadyRequest, context: Any) -> pb.ReportReadyResponse:
        await self._row(request.lease, context)
        self.sessions[request.lease.task_id].ready = request
        return pb.ReportReadyResponse()

    async def FollowCalls(self, request: pb.FollowCallsRequest, context: Any) -> AsyncIterator[pb.FollowCallsResponse]:
        await self._row(request.lease, context)
        while True:
            yield await self.sessions[request.lease.task_id].calls.get()

    async def AnswerCall(self, request: Answer, context: Any) -> pb.AnswerCallResponse:
        await self._row(request.lease, context)
        self.sessions[request.lease.task_id].answers.pop(request.number).set_result(request)
        return pb.AnswerCallResponse()

    async def ClaimPrompt(self, request: pb.ClaimPromptRequest, context: Any) -> pb.ClaimPromptResponse:
        session = self.sessions[request.lease.task_id]
        with suppress(TimeoutError):
            async with asyncio.timeout(request.wait_seconds):
                while True:
                    await self._row(request.lease, context)
                    busy = any(prompt.row.task.state == STATE.STATE_RUNNING for prompt in session.prompts)
                    waiting = [prompt for prompt in session.prompts if prompt.row.task.state == STATE.STATE_QUEUED]
                    if waiting and not busy:
                        return self._claimed(waiting[0])
                    await self.changed.wait()
                    self.changed.clear()
        return pb.ClaimPromptResponse()

    async def ReportPrompt(self, request: pb.ReportPromptRequest, context: Any) -> pb.ReportPromptResponse:
        await self._row(request.lease, context)
        prompt = self._prompt(request.lease.task_id)
        if request.HasField("comfy_prompt_id"):
            prompt.comfy_prompt_ids.append(request.comfy_prompt_id)
        prompt.events.extend(request.events)
        return pb.ReportPromptResponse()

    async def FinishTask(self, request: Any, context: Any) -> Any:
        response = await super().FinishTask(request, context)
        self.changed.set()
        return response

    def _claimed(self, prompt: PromptRow) -> pb.ClaimPromptResponse:
        task = prompt.row.task
        task.state = STATE.STATE_RUNNING
        task.lease.fencing_token += 1
        response = pb.ClaimPromptResponse(attempt=1, prompt=prompt.prompt, workflow=prompt.workflow)
        response.lease.task_id, response.lease.fencing_token = task.id, task.lease.fencing_token
        response.attempt_timeout.CopyFrom(task.attempt_timeout)
        return response

    def _prompt(self, task_id: str) -> PromptRow:
        [prompt] = [
            prompt for session in self.sessions.values() for prompt in session.prompts if prompt.row.task.id == task_id
        ]
        return prompt


@asynccontextmanager
async def shown(board: ComfyBoard, address: str) -> AsyncIterator[None]:
    """Serve the board at `address`; the end is as sudden as that of a killed process."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 * 1024 * 1024)])
    tasks_grpc.add_WorkerServiceServicer_to_server(board, server)
    comfy_grpc.add_ComfyWorkerServiceServicer_to_server(board, server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


def final(row: Row) -> bool:
    return row.task.state in FINAL


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
