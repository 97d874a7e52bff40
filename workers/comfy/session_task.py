"""Tasks of kind "comfy_session": a session in processes of its own, and the prompts it is given."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb
from switchyard.comfy.v1.session_pb2 import Session
from switchyard.comfy.v1.workflow_service_pb2 import QueueWorkflowRequest
from switchyard.tasks.v1 import worker_service_pb2 as tasks_pb
from workers.artifact_upload import FileRefused
from workers.assignment import Assignment, Report, failed
from workers.comfy import messages
from workers.comfy.credentials import Credentials
from workers.comfy.plan import Plan
from workers.comfy.prompt_task import End, PromptTask
from workers.comfy.seeds import Policy, with_seed
from workers.comfy.workflow import read_graph
from workers.conversation import Conclusion, Conversation
from workers.run_report import not_begun, reins_of, report_of
from workers.runner.launcher import Launcher, RunnerLost
from workers.runner.run_link import RunProcess
from workers.server_link import LeaseLost, Refused

PROGRAM: Final = "hold_session"

Refusal: Final = pb.AnswerCallRequest.Refusal
_POLICIES: Final[Mapping[int, Policy]] = {
    QueueWorkflowRequest.SEED_POLICY_UNSPECIFIED: "keep",
    QueueWorkflowRequest.SEED_POLICY_KEEP: "keep",
    QueueWorkflowRequest.SEED_POLICY_RANDOM: "random",
    QueueWorkflowRequest.SEED_POLICY_INCREMENT: "increment",
    QueueWorkflowRequest.SEED_POLICY_FIXED: "fixed",
}

# One wait for a prompt; the contract's bound is 60.
CLAIM_SECONDS: Final = 30
# A call whose answer takes longer is repeated.
CLAIM_SLACK_SECONDS: Final = 10.0
# A stream of calls is opened anew after this time, so that a dead connection is noticed.
FOLLOW_SECONDS: Final = 300.0
# ... or so soon when the server has ended it.
FOLLOW_AGAIN_SECONDS: Final = 0.1
# What a prompt may take whose server says nothing of it: as long as a session lasts.
UNTOLD_SECONDS: Final = 86_400.0
# An answer may hold a large workflow.
ANSWER_SECONDS: Final = 60.0

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HoldComfySession:
    """The handler of this kind."""

    launcher: Launcher
    grace_seconds: float
    chromium_path: str | None

    async def __call__(self, assignment: Assignment) -> Report:
        """Hold the session of the Task until it is to end or cannot go on, and say why.

        Raises:
            LeaseLost: the lease is over; nothing of the session is left.
            Refused: the server does not tell what it is to be.
        """
        link = assignment.link
        response = await link.call(link.comfy.GetSessionPlan, pb.GetSessionPlanRequest(lease=assignment.lease.key))
        if (early := not_begun(assignment)) is not None:
            return early
        try:
            conclusion = await self._hold(assignment, plan_of(response))
        except RunnerLost as error:
            return failed("BrowserGone", f"the session could not be started: {error}")
        return _report(conclusion)

    async def _hold(self, assignment: Assignment, plan: Plan) -> Conclusion:
        order = {
            "folder": str(assignment.folder),
            "params": {},
            "chromium_path": self.chromium_path,
            "plan": plan.to_message(),
        }
        try:
            async with self.launcher.start(order, program=PROGRAM) as run, asyncio.TaskGroup() as group:
                listener = _Listener(assignment, run, group)
                following = group.create_task(listener.follow_calls())
                reins = reins_of(assignment, self.grace_seconds)
                conclusion = await Conversation(run, reins, log=assignment.log.add, take=listener.take).hold()
                following.cancel()
                await listener.close()
        except ExceptionGroup as failures:  # the first one ended the others
            raise failures.exceptions[0] from failures
        return conclusion


class _Listener:
    """Answers the questions of a session, and passes on what it tells of its prompt."""

    def __init__(self, assignment: Assignment, run: RunProcess, group: asyncio.TaskGroup) -> None:
        self._assignment = assignment
        self._link = assignment.link
        self._folder = assignment.folder
        self._run = run
        self._group = group
        self._calls: asyncio.Queue[pb.FollowCallsResponse] = asyncio.Queue()
        self._unanswered: set[int] = set()
        self._questions: set[asyncio.Task[None]] = set()
        self._prompt: PromptTask | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def take(self, name: str, value: Any) -> None:
        """Take what the session says besides its log and its outcome."""
        match name:
            case "ask":
                question = self._group.create_task(self._answer(*value))
                self._questions.add(question)
                question.add_done_callback(self._questions.discard)
            case messages.SENT if self._prompt is not None:
                self._prompt.sent(value[1])
            case messages.EVENTS if self._prompt is not None:
                self._prompt.happened(*value[1:])
            case messages.PROMPT_LOG if self._prompt is not None:
                self._prompt.log(*value[1:])
            case _:
                log.warning("a session sent an unknown message", name=name)

    async def follow_calls(self) -> None:
        """Take the calls of callers as they come, until this is cancelled."""
        request = pb.FollowCallsRequest(lease=self._assignment.lease.key)

        async def follow() -> None:
            async for call in self._link.stream(self._link.comfy.FollowCalls, request, seconds=FOLLOW_SECONDS):
                # A stream that begins anew begins with all that is not answered.
                if call.number not in self._unanswered:
                    self._unanswered.add(call.number)
                    self._calls.put_nowait(call)

        while True:
            await self._link.persist(follow)
            # The stream ended without a word: whether the lease is over is for the server to say.
            await self._link.call(self._link.tasks.RenewLease, tasks_pb.RenewLeaseRequest(lease=request.lease))
            await asyncio.sleep(FOLLOW_AGAIN_SECONDS)

    async def close(self) -> None:
        """The session is over: a prompt that it has not ended is lost."""
        for question in self._questions:
            question.cancel()
        await asyncio.gather(*self._questions, return_exceptions=True)
        stopped = self._assignment.lease.cancelled.is_set()
        await self._finish(
            {"state": "interrupted" if stopped else "lost", "message": "the session ended before the prompt did"}
        )

    async def _answer(self, number: int, question: str, value: Any) -> None:
        try:
            answer = await self._found(question, value)
        except FileRefused as refusal:
            self._run.refuse(number, str(refusal))
        else:
            self._run.answer(number, answer)

    async def _found(self, question: str, value: Any) -> object:
        match question:
            case messages.READY:
                await self._link.call(
                    self._link.comfy.ReportReady, pb.ReportReadyRequest(lease=self._assignment.lease.key, **value)
                )
            case messages.CALL:
                return await self._next_call()
            case messages.ANSWER:
                await self._answer_call(value)
            case messages.PROMPT:
                return await self._next_prompt()
            case messages.CANCELLED if self._prompt is not None:
                await self._prompt.lease.cancelled.wait()
            case messages.FILE if self._prompt is not None:
                await self._prompt.store(Path(value[1]))
            case messages.ENDED:
                await self._finish(value)
            case _:
                raise FileRefused(f"nobody knows what {question!r} asks")
        return None

    async def _next_call(self) -> object:
        call = await self._calls.get()
        if call.WhichOneof("call") == "open":
            if call.open.workflow:
                await asyncio.to_thread(messages.lay, self._folder, messages.OPEN_FILE, call.open.workflow)
            return {"number": call.number, "open": {"workflow_path": call.open.workflow_path}}
        compose = call.compose
        return {
            "number": call.number,
            "compose": {
                "inputs": compose.inputs,
                "seed_policy": _POLICIES[compose.seed_policy],
                "seed": compose.seed if compose.HasField("seed") else None,
                "iterations": compose.iterations,
            },
        }

    async def _answer_call(self, value: Mapping[str, Any]) -> None:
        request = pb.AnswerCallRequest(lease=self._assignment.lease.key, number=value["number"])
        if "opened" in value:
            request.opened.CopyFrom(pb.AnswerCallRequest.Opened(**value["opened"]))
        elif "composed" in value:
            prompt, workflow = await asyncio.to_thread(self._composed)
            request.composed.CopyFrom(
                pb.AnswerCallRequest.Composed(prompt=prompt, workflow=workflow, **value["composed"])
            )
        else:
            request.refusal.reason = Refusal.Reason.Value(f"REASON_{value['refusal']['reason']}")
            request.refusal.message = value["refusal"]["message"]
        self._unanswered.discard(request.number)
        link = self._link
        try:
            await link.persist(lambda: link.comfy.AnswerCall(request, timeout=ANSWER_SECONDS, metadata=link.metadata))
        except LeaseLost:
            raise
        except Refused as refusal:  # whoever called does not wait any more
            log.info("an answer was not taken", number=request.number, reason=refusal.reason)

    def _composed(self) -> tuple[str, str]:
        return (
            messages.take(self._folder, messages.COMPOSED_PROMPT_FILE),
            messages.take(self._folder, messages.COMPOSED_WORKFLOW_FILE),
        )

    async def _next_prompt(self) -> object:
        request = pb.ClaimPromptRequest(lease=self._assignment.lease.key, wait_seconds=CLAIM_SECONDS)
        seconds = CLAIM_SECONDS + CLAIM_SLACK_SECONDS
        link = self._link
        while True:
            response = await link.persist(
                lambda: link.comfy.ClaimPrompt(request, timeout=seconds, metadata=link.metadata)
            )
            if response.HasField("lease"):
                prompt_id = await self._begin(response)
                return {"id": prompt_id, "seconds": _seconds(response)}

    async def _begin(self, response: pb.ClaimPromptResponse) -> str:
        """Keep the lease of a prompt, lay out what is to be sent, and return its id."""
        lease = self._assignment.lease.beside(response.lease)
        prompt = self._prompt = PromptTask(self._link, lease, self._folder)
        self._keeping = self._group.create_task(prompt.keep())
        await asyncio.to_thread(messages.lay, self._folder, messages.PROMPT_FILE, _prompt_of(response))
        if response.workflow:
            await asyncio.to_thread(messages.lay, self._folder, messages.WORKFLOW_FILE, response.workflow)
        log.info("prompt claimed", prompt_id=prompt.id, attempt=response.attempt)
        return prompt.id

    async def _finish(self, end: End) -> None:
        """Report the end of the prompt, and have none."""
        prompt, keeping = self._prompt, self._keeping
        if prompt is None or keeping is None:
            return
        if end["state"] == "interrupted" and not prompt.lease.cancelled.is_set():
            # A session that ends takes its prompt along: whoever stopped the one has cancelled the other.
            if self._assignment.lease.cancelled.is_set():
                prompt.lease.cancelled.set()
            elif self._assignment.stopping.is_set():
                end = {"state": "lost", "message": "the worker that held the session was stopped"}
        await prompt.finish(end)
        self._prompt = self._keeping = None
        prompt.lease.cancelled.set()  # nobody needs to listen for it any more
        keeping.cancel()
        await asyncio.wait([keeping])
        prompt.close()


def _prompt_of(response: pb.ClaimPromptResponse) -> str:
    """Return what is to be sent, with the seed of its iteration."""
    return with_seed(read_graph(response.prompt), response.seed) if response.HasField("seed") else response.prompt


def _seconds(response: pb.ClaimPromptResponse) -> float:
    if not response.HasField("attempt_timeout"):
        return UNTOLD_SECONDS
    return response.attempt_timeout.ToTimedelta().total_seconds()


def plan_of(response: pb.GetSessionPlanResponse) -> Plan:
    """Return the plan that the server has sent."""
    return Plan(
        credentials=Credentials(response.username, response.password),
        address=response.url,
        addresses=list(response.addresses),
        port=response.port if response.HasField("port") else None,
        headless=response.headless,
        mode="api" if response.mode == Session.MODE_API else "browser",
        submit_again=response.on_restart != Session.ON_RESTART_LOSE,
    )


def _report(conclusion: Conclusion) -> Report:
    """Return the report of a session. None is ever given back: what it was is gone with its browser."""
    if conclusion.state == "released":
        return failed("BrowserGone", "the worker that held the session was stopped")
    if conclusion.state == "failed" and conclusion.outcome is None and conclusion.interruption is None:
        return failed("BrowserGone", conclusion.error_message, exit_code=conclusion.exit_code)
    return report_of(conclusion, None)
