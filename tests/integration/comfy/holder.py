"""A worker that holds sessions as the contract says, without a browser: it answers what the test wants."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import grpc

from switchyard.comfy.v1 import comfy_worker_service_pb2 as pb
from switchyard.comfy.v1.prompt_pb2 import PromptEvent
from switchyard.tasks.v1 import worker_service_pb2 as tasks_pb
from switchyard.tasks.v1.task_pb2 import Artifact, CancelReceipt, Failure
from tests.integration.orchestrator.serving import Site
from tests.patience import PATIENCE

URL = "http://127.0.0.1:8188"
USERNAME, PASSWORD = "the-user-of-comfy", "p@ss:wörd/%?#'\"\\"
ENDPOINT = "ws://127.0.0.1:9999/a-secret-path"
GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "model": ["4", 0]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
}
CREDENTIALS = {"username": USERNAME, "password": PASSWORD, "url": URL}

Refusal = pb.AnswerCallRequest.Refusal
Answers = Callable[[pb.FollowCallsResponse], dict[str, Any]]


def answer_well(call: pb.FollowCallsResponse) -> dict[str, Any]:
    """Return the answer of a session in which everything can be done."""
    if call.WhichOneof("call") == "open":
        return {"opened": pb.AnswerCallRequest.Opened(node_count=2, format="ui")}
    given = call.compose
    seeds = [given.seed + number for number in range(given.iterations)] if given.HasField("seed") else []
    return {"composed": pb.AnswerCallRequest.Composed(prompt=json.dumps(GRAPH), workflow="{}", seeds=seeds)}


def answer_with(reason: Refusal.Reason.ValueType, message: str) -> Answers:
    """Return answers that refuse every call."""
    return lambda _: {"refusal": Refusal(reason=reason, message=message)}


@dataclass
class Holder:
    """One session that is held."""

    site: Site
    lease: tasks_pb.LeaseKey
    answers: Answers = answer_well
    calls: list[pb.FollowCallsResponse] = field(default_factory=list)

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self.lease.task_id

    async def call(self, method: str, request: Any) -> Any:
        """Call the server as a worker."""
        stub = self.site.stub("comfy.ComfyWorkerService")
        return await getattr(stub, method)(request, metadata=self.site.worker)

    async def plan(self) -> pb.GetSessionPlanResponse:
        """Return what the session is to be."""
        response: pb.GetSessionPlanResponse = await self.call(
            "GetSessionPlan", pb.GetSessionPlanRequest(lease=self.lease)
        )
        return response

    async def ready(self, **fields: Any) -> None:
        """Say that the session takes calls."""
        given: dict[str, Any] = {"port": 9999, "browser_endpoint": ENDPOINT, "frontend_version": "1.27.10"} | fields
        await self.call("ReportReady", pb.ReportReadyRequest(lease=self.lease, **given))

    async def follow(self) -> None:
        """Answer calls until the lease is over."""
        stub = self.site.stub("comfy.ComfyWorkerService")
        async for call in stub.FollowCalls(pb.FollowCallsRequest(lease=self.lease), metadata=self.site.worker):
            self.calls.append(call)
            answer = pb.AnswerCallRequest(lease=self.lease, number=call.number, **self.answers(call))
            await self.call("AnswerCall", answer)

    async def claim(self, wait_seconds: int = 0) -> "Sent | None":
        """Take the next prompt."""
        request = pb.ClaimPromptRequest(lease=self.lease, wait_seconds=wait_seconds)
        response = await self.call("ClaimPrompt", request)
        return Sent(self.site, response) if response.HasField("lease") else None

    async def take(self) -> "Sent":
        """Take the next prompt, which is there or will be."""
        sent = await self.claim(wait_seconds=int(PATIENCE))
        assert sent is not None, "no prompt can be sent"
        return sent

    async def sent(self, comfy_prompt_id: str = "c1") -> "Sent":
        """Take the next prompt and say that ComfyUI has it."""
        sent = await self.take()
        await sent.report(comfy_prompt_id)
        return sent

    async def end(self) -> None:
        """End the session because it was asked for."""
        await _finish(self.site, self.lease, cancelled=_cancelled())

    async def fail(self, error_type: str, message: str = "it is gone") -> None:
        """End the session because it cannot go on."""
        await _finish(self.site, self.lease, failed=_failed(error_type, message))

    async def end_when_asked(self) -> None:
        """End the session once its end is asked for."""
        stub = self.site.stub("tasks.WorkerService")
        request = tasks_pb.WatchCancelRequest(lease=self.lease)
        async for _ in stub.WatchCancel(request, metadata=self.site.worker):
            await self.end()


@dataclass
class Sent:
    """A prompt that its worker has."""

    site: Site
    claimed: pb.ClaimPromptResponse

    @property
    def id(self) -> str:
        """The id of the prompt."""
        return self.claimed.lease.task_id

    @property
    def graph(self) -> Any:
        """What is to be sent."""
        return json.loads(self.claimed.prompt)

    async def report(self, comfy_prompt_id: str | None = None, *events: PromptEvent) -> None:
        """Tell what happens to the prompt."""
        request = pb.ReportPromptRequest(lease=self.claimed.lease, comfy_prompt_id=comfy_prompt_id, events=events)
        await self.site.stub("comfy.ComfyWorkerService").ReportPrompt(request, metadata=self.site.worker)

    async def succeed(self, *results: pb.SendPromptResult) -> None:
        """End the prompt well."""
        success = tasks_pb.FinishTaskRequest.Success()
        success.result.Pack(results[0] if results else pb.SendPromptResult())
        await _finish(self.site, self.claimed.lease, success=success)

    async def fail(self, error_type: str, message: str = "it broke") -> None:
        """End the prompt badly."""
        failed = _failed(error_type, message)
        failed.result.Pack(pb.SendPromptResult(node_id="3", node_type="KSampler"))
        await _finish(self.site, self.claimed.lease, failed=failed)

    async def end_cancelled(self) -> None:
        """End the prompt as it was asked for."""
        await _finish(self.site, self.claimed.lease, cancelled=_cancelled())

    async def upload(self, name: str, data: bytes) -> None:
        """Store a file of the prompt."""
        artifact = Artifact(
            name=name, content_type="image/png", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
        )
        header = tasks_pb.UploadArtifactRequest.Header(lease=self.claimed.lease, artifact=artifact)
        parts = [tasks_pb.UploadArtifactRequest(header=header), tasks_pb.UploadArtifactRequest(data=data)]
        await self.site.stub("tasks.WorkerService").UploadArtifact(iter(parts), metadata=self.site.worker)


class Holders:
    """Workers that take sessions until the test ends."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        # What breaks off because the server is closed first is no fault.
        faults = [one for one in results if one is not None and not isinstance(one, _ENDINGS)]
        assert faults == []

    def run(self, work: Awaitable[None]) -> None:
        """Do something beside the test."""
        self._tasks.append(asyncio.ensure_future(work))

    async def claim(self) -> Holder:
        """Take a session, which waits or will."""
        request = tasks_pb.ClaimTaskRequest(worker_id="w1", worker_host="host-1", kinds=["comfy_session"])
        stub = self._site.stub("tasks.WorkerService")
        async with asyncio.timeout(PATIENCE):
            while True:
                task = (await stub.ClaimTask(request, metadata=self._site.worker)).task
                if task.id:
                    lease = tasks_pb.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)
                    return Holder(self._site, lease)
                await asyncio.sleep(0.01)

    async def start(self, http: Any = None, *, obedient: bool = True, **fields: Any) -> Holder:
        """Start a session that is held as it has to be; an `obedient` one ends when it is asked to."""
        starting = asyncio.ensure_future(post(http or self._site.http, "/session/start", **start_body(**fields)))
        holder = await self.claim()
        self.run(holder.follow())
        if obedient:
            self.run(holder.end_when_asked())
        await holder.ready()
        status, body = await starting
        assert status == 200, body
        return holder

    async def opened(self, http: Any = None, **fields: Any) -> Holder:
        """Start a session and open a workflow in it."""
        holder = await self.start(http, **fields)
        status, body = await post(http or self._site.http, "/workflow/open", workflow_path="x.json", **_name(fields))
        assert status == 200, body
        return holder

    async def queued(self, iterations: int = 1, http: Any = None, **fields: Any) -> list[str]:
        """Queue the open workflow behind one that is sent already, and return the ids."""
        status, body = await post(http or self._site.http, "/workflow/queue", iterations=iterations, **fields)
        assert status == 200, body
        ids: list[str] = body["details"]["prompt_ids"]
        return ids


_ENDINGS = (asyncio.CancelledError, grpc.aio.AioRpcError)


def start_body(**fields: Any) -> dict[str, Any]:
    """Return the body of a start."""
    return {"credentials": CREDENTIALS} | fields


async def post(http: Any, path: str, **body: Any) -> tuple[int, Any]:
    """Post a body and return status and answer."""
    answer = await http.post(path, json=body, timeout=2 * PATIENCE)
    return answer.status_code, answer.json()


async def get(http: Any, path: str, **query: Any) -> Any:
    """Read something that is there."""
    answer = await http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def queue(site: Site, **body: Any) -> "asyncio.Task[tuple[int, Any]]":
    """Begin to queue the open workflow; it is answered once a worker has said what comes of the first prompt."""
    return asyncio.create_task(post(site.http, "/workflow/queue", **body))


async def statuses(site: Site, ids: list[str]) -> list[str]:
    """Return how prompts stand."""
    return [(await get(site.http, f"/workflow/prompts/{one}"))["status"] for one in ids]


async def have(site: Site, ids: list[str], expected: list[str]) -> bool:
    """Whether prompts stand so."""
    return await statuses(site, ids) == expected


async def is_over(site: Site) -> bool:
    """Whether nothing is left of the default session."""
    return bool((await get(site.http, "/session/status"))["state"] == "ended")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)


async def first(items: AsyncIterator[Any]) -> Any:
    """Return the next message of a stream."""
    async with asyncio.timeout(PATIENCE):
        return await anext(aiter(items))


def _name(fields: dict[str, Any]) -> dict[str, Any]:
    return {"session": fields["session"]} if "session" in fields else {}


def _failed(error_type: str, message: str) -> tasks_pb.FinishTaskRequest.Failed:
    return tasks_pb.FinishTaskRequest.Failed(error=Failure(type=error_type, message=message))


def _cancelled() -> tasks_pb.FinishTaskRequest.Cancelled:
    return tasks_pb.FinishTaskRequest.Cancelled(receipt=CancelReceipt())


async def _finish(site: Site, lease: tasks_pb.LeaseKey, **outcome: Any) -> None:
    request = tasks_pb.FinishTaskRequest(lease=lease, **outcome)
    await site.stub("tasks.WorkerService").FinishTask(request, metadata=site.worker)
