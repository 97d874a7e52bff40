"""What is done at one server is seen at once at the other, and all the same without Redis."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio

from server.comfy import claims as comfy_claims
from server.comfy import comfy_worker_service, following, starting
from server.environments import watching
from server.orchestrator.robots import claims
from server.tasks import changes
from server.tasks.lifecycle import Succeeded
from server.tasks.log_hub import LogHub
from switchyard.comfy.v1 import workflow_service_pb2 as workflow_pb
from switchyard.comfy.v1.prompt_pb2 import Prompt, PromptEvent
from switchyard.orchestrator.v1 import live_service_pb2
from switchyard.orchestrator.v1.job_pb2 import Job
from switchyard.orchestrator.v1.robot_service_pb2 import ClaimJobRequest, RegisterRobotRequest
from switchyard.tasks.v1 import worker_service_pb2 as tasks_pb
from switchyard.tasks.v1.task_pb2 import LogLine
from switchyard.telemetry.v1 import live_service_pb2 as telemetry_pb
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse
from tests.integration.comfy.holder import Holders, post
from tests.integration.fan_out.two_servers import Two, two_servers
from tests.integration.orchestrator.serving import Site
from tests.integration.tasks.parts import claimed, run
from tests.patience import PATIENCE
from tests.valkey import Valkey, running_valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Longer than any test: whoever waits has to be woken.
NEVER = 3600.0
LINES = 240


@pytest.fixture
def nobody_looks_by_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody notice a change because he looks again once in a while."""
    monkeypatch.setattr(changes, "HEARING_LOOK_SECONDS", NEVER)
    for module in (claims, comfy_claims, comfy_worker_service, following, starting, watching):
        monkeypatch.setattr(module, "LOOK_SECONDS", NEVER)


@pytest.fixture(scope="module")
def valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory, valkey: Valkey) -> AsyncIterator[Two]:
    async with two_servers(tmp_path_factory.mktemp("two"), valkey.url) as two:
        yield two


@pytest.fixture
def two(servers: Two, nobody_looks_by_himself: None) -> Two:
    """The servers, which have to be woken."""
    return servers


@pytest_asyncio.fixture(loop_scope="module")
async def two_and_valkey(servers: Two, valkey: Valkey) -> AsyncIterator[tuple[Two, Valkey]]:
    """The servers, who look by themselves as they always do, and a Valkey that the test may kill."""
    yield servers, valkey
    if any(one.deaf for one in servers.fan_outs):
        valkey.start()
    await servers.met()


async def soon(waiting: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await waiting


async def lease(site: Site) -> tasks_pb.LeaseKey:
    row = await claimed(site.kernel, run())
    return tasks_pb.LeaseKey(task_id=row.id, fencing_token=row.fencing_token)


async def append(site: Site, key: tasks_pb.LeaseKey, number: int, count: int = 1) -> None:
    lines = [LogLine(message=str(one)) for one in range(number, number + count)]
    request = tasks_pb.AppendLogRequest(lease=key, first_sequence=number, lines=lines)
    await site.stub("tasks.WorkerService").AppendLog(request, metadata=site.worker)


async def finish(site: Site, key: tasks_pb.LeaseKey) -> None:
    request = tasks_pb.FinishTaskRequest(lease=key, success=tasks_pb.FinishTaskRequest.Success())
    await site.stub("tasks.WorkerService").FinishTask(request, metadata=site.worker)


async def followed(site: Site, task_id: str, at: Callable[[int], Awaitable[None]] | None = None) -> list[str]:
    """Read a log at `site` to its end; `at` is called with each number of lines that were read."""
    messages: list[str] = []
    hub = LogHub(site.database, site.kernel.changes)
    async with aclosing(hub.follow(task_id, 0)) as batches:
        async for batch in batches:
            messages += [line.message for line in batch.lines]
            if at is not None:
                await at(len(messages))
    return messages


async def test_a_log_that_grows_at_one_server_is_followed_at_the_other(two: Two) -> None:
    key = await lease(two.one)
    read: list[int] = []

    async def note(count: int) -> None:
        read.append(count)

    following_log = asyncio.create_task(followed(two.other, key.task_id, note))
    for number in range(1, 6):
        await append(two.one, key, number)
        async with asyncio.timeout(PATIENCE):
            while not read or read[-1] < number:
                await asyncio.sleep(0.002)
    await finish(two.one, key)

    assert await soon(following_log) == ["1", "2", "3", "4", "5"]


async def test_a_log_written_through_both_servers_in_turns_keeps_its_order(two: Two) -> None:
    key = await lease(two.one)
    readers = [asyncio.create_task(followed(site, key.task_id)) for site in (two.one, two.other)]
    for number in range(1, LINES + 1, 3):
        await append((two.one, two.other)[number % 2], key, number, 3)
    await finish(two.other, key)

    for reader in readers:
        assert await soon(reader) == [str(number) for number in range(1, LINES + 1)]


async def test_no_line_is_lost_or_comes_twice_when_redis_is_killed_meanwhile(
    two_and_valkey: tuple[Two, Valkey],
) -> None:
    two, valkey = two_and_valkey
    key = await lease(two.one)
    reader = asyncio.create_task(followed(two.other, key.task_id))
    for number in range(1, LINES + 1):
        await append(two.one, key, number)
        if number == LINES // 3:
            valkey.kill()
        if number == LINES * 2 // 3:
            await two.apart()
            valkey.start()
    await finish(two.one, key)

    assert await soon(reader) == [str(number) for number in range(1, LINES + 1)]


async def test_what_a_server_stored_before_it_died_is_followed_without_its_telling(
    two_and_valkey: tuple[Two, Valkey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "HEARING_LOOK_SECONDS", 0.2)
    two, _ = two_and_valkey
    key = await lease(two.one)
    reader = asyncio.create_task(followed(two.other, key.task_id))
    await append(two.one, key, 1)
    # Between storing and telling is where it dies.
    monkeypatch.setattr(two.fan_outs[0], "tell", lambda *_: None)
    await append(two.one, key, 2)
    await finish(two.one, key)

    assert await soon(reader) == ["1", "2"]


async def test_a_cancel_and_an_end_reach_those_who_wait_at_the_other_server(two: Two) -> None:
    key = await lease(two.one)
    request = tasks_pb.WatchCancelRequest(lease=key)
    cancelling = two.other.stub("tasks.WorkerService").WatchCancel(request, metadata=two.other.worker)
    # Read before the cancel, so that it has to be woken.
    waiting = asyncio.create_task(cancelling.read())
    ending = asyncio.create_task(two.other.kernel.wait_final(key.task_id, NEVER))
    await asyncio.sleep(0.1)

    await two.one.kernel.cancel(key.task_id, "enough")

    assert (await soon(waiting)).reason == "enough"
    await two.one.kernel.finish(key.task_id, key.fencing_token, Succeeded())
    assert (await soon(ending)).final


async def job_stream(site: Site) -> AsyncIterator[Any]:
    call = site.stub("orchestrator.LiveService").WatchJobs(live_service_pb2.WatchJobsRequest(), metadata=site.admin)
    await call.initial_metadata()
    return aiter(call)


async def test_jobs_are_watched_at_either_server_wherever_they_are_worked_on(two: Two) -> None:
    streams = [await job_stream(site) for site in (two.one, two.other)]

    job = await two.one.queue_job()
    key = await two.other.claim()
    await two.one.complete(key)

    for stream in streams:
        told = [await soon(anext(stream)) for _ in range(3)]
        assert [one.status for one in told] == [Job.STATUS_PENDING, Job.STATUS_CLAIMED, Job.STATUS_COMPLETED]
        assert {one.job_id for one in told} == {job.id}


async def test_jobs_are_watched_while_redis_is_away(two_and_valkey: tuple[Two, Valkey]) -> None:
    two, valkey = two_and_valkey
    stream = await job_stream(two.other)
    valkey.kill()
    await two.apart()

    job = await two.one.queue_job()
    told = [await soon(anext(stream))]
    await two.one.complete(await two.one.claim())
    while told[-1].status != Job.STATUS_COMPLETED:
        told.append(await soon(anext(stream)))

    assert {one.job_id for one in told} == {job.id}
    assert [one.status for one in told] == sorted({one.status for one in told})


async def test_a_job_wakes_a_robot_that_waits_at_the_other_server(two: Two) -> None:
    stub = two.other.stub("orchestrator.RobotService")
    await stub.RegisterRobot(RegisterRobotRequest(robot_id="r1", hostname="h"), metadata=two.other.admin)
    claiming = stub.ClaimJob(ClaimJobRequest(robot_id="r1", wait_seconds=30), metadata=two.other.admin)
    waiting = asyncio.ensure_future(claiming)
    await asyncio.sleep(0.2)

    job = await two.one.queue_job()

    # There is no such workflow, as the robot's server finds once it takes the job.
    ended = await soon(two.one.kernel.wait_final(job.id, PATIENCE))
    waiting.cancel()
    assert (ended.last_worker_id, ended.error_type) == ("r1", "WorkflowGone")


async def telemetry_stream(site: Site) -> AsyncIterator[Any]:
    request = telemetry_pb.WatchRequest(types=[kind for kind in EVENTS if kind != WatchResponse.TYPE_GAP])
    call = site.stub("telemetry.LiveService").Watch(request, metadata=site.admin)
    await call.initial_metadata()
    return aiter(call)


EVENTS = (
    WatchResponse.TYPE_SESSION_START,
    WatchResponse.TYPE_EVENT,
    WatchResponse.TYPE_SESSION_END,
    WatchResponse.TYPE_GAP,
)


async def browse(site: Site, session_id: str, events: int = 3) -> None:
    """Register a session, log events of it by both ways there are, and end it."""
    for path, body in (
        ("/api/sessions/register", {"session_id": session_id, "profile_id": "p", "device": "desktop"}),
        *(
            ("/api/events", {"session_id": session_id, "event_type": "click", "details": {"n": number}})
            for number in range(events)
        ),
        ("/api/sessions/end", {"session_id": session_id, "success": True}),
    ):
        answer = await site.http.post(path, json=body)
        assert answer.status_code < 300, answer.text


async def test_sessions_of_browsers_are_watched_at_either_server(two: Two) -> None:
    streams = [await telemetry_stream(site) for site in (two.one, two.other)]

    await browse(two.one, "s1")

    one, other = [[await soon(anext(stream)) for _ in range(5)] for stream in streams]
    assert [message.type for message in other] == [EVENTS[0], EVENTS[1], EVENTS[1], EVENTS[1], EVENTS[2]]
    assert [json.loads(message.data) for message in one] == [json.loads(message.data) for message in other]
    assert [message.timestamp for message in one] == [message.timestamp for message in other]


async def test_who_watches_sessions_is_told_of_the_gap_that_a_killed_redis_leaves(
    two_and_valkey: tuple[Two, Valkey],
) -> None:
    two, valkey = two_and_valkey
    stream = await telemetry_stream(two.other)
    valkey.kill()
    await two.apart()
    assert (await soon(anext(stream))).type == WatchResponse.TYPE_GAP

    await browse(two.one, "unheard", events=0)
    await browse(two.other, "here", events=0)
    told = [await soon(anext(stream)) for _ in range(2)]
    valkey.start()
    await two.met()
    assert (await soon(anext(stream))).type == WatchResponse.TYPE_GAP
    await browse(two.one, "heard-again", events=0)
    while EVENTS[2] not in [message.type for message in told[2:]]:
        told.append(await soon(anext(stream)))

    sessions = [json.loads(message.data).get("session_id") for message in told if message.type != EVENTS[3]]
    assert sessions == ["here", "here", "heard-again", "heard-again"]


@pytest_asyncio.fixture(loop_scope="module")
async def holders(two: Two) -> AsyncIterator[Holders]:
    """Workers of sessions of ComfyUI, at the other server."""
    async with Holders(two.other) as made:
        yield made


async def test_a_session_of_comfyui_is_used_at_the_other_server_than_its_worker(two: Two, holders: Holders) -> None:
    holder = await holders.start(two.one.http)
    assert (await post(two.one.http, "/workflow/open", workflow_path="x.json"))[0] == 200
    queueing = asyncio.create_task(post(two.one.http, "/workflow/queue", iterations=1))
    sent = await soon(holder.take())
    await sent.report("c1")
    status, body = await soon(queueing)
    assert status == 200, body
    (prompt_id,) = body["details"]["prompt_ids"]

    request = workflow_pb.WatchPromptRequest(prompt_id=prompt_id)
    stream = aiter(two.one.stub("comfy.WorkflowService").WatchPrompt(request, metadata=two.one.admin))
    first = await soon(anext(stream))
    await sent.report(None, PromptEvent(kind=PromptEvent.KIND_PROGRESS, node_id="3", fraction=0.5))
    progress = await soon(anext(stream))
    await sent.succeed()
    told = [message async for message in stream]

    assert [event.kind for event in first.events] == [PromptEvent.KIND_STATUS]
    assert [event.fraction for event in progress.events] == [0.5]
    assert told[-1].end.status == Prompt.STATUS_SUCCESS


async def test_a_session_of_comfyui_is_started_and_stopped_at_the_other_server(two: Two, holders: Holders) -> None:
    await holders.start(two.one.http, session="short")

    status, body = await soon(post(two.one.http, "/session/stop", session="short"))

    assert (status, body["success"]) == (200, True)
    status, _ = await post(two.one.http, "/workflow/open", workflow_path="x.json", session="short")
    assert status == 400
