"""What environments print: a worker reads it, and whoever asks gets it line by line."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from server.environments.output.output_service import GIVEN_BACK, OutputService
from server.environments.packed import unpacked
from server.errors import EnvironmentState, InvalidArgument
from server.tasks.log_hub import LogHub
from switchyard.environments.v1 import output_service_pb2 as pb
from switchyard.environments.v1.provisioning_service_pb2 import ReadEnvironment, ReadEnvironmentResult
from switchyard.tasks.v1 import worker_service_pb2 as worker_pb
from switchyard.tasks.v1.task_pb2 import Failure, LogLine, Task
from tests.integration.environments.serving import PATH, Worker, create
from tests.integration.orchestrator.serving import Site, refused, serving


@dataclass
class Reading:
    """A Task of kind "read_environment" that a worker holds."""

    site: Site
    lease: worker_pb.LeaseKey
    payload: ReadEnvironment

    async def print(self, *lines: str, first: int = 1) -> None:
        request = worker_pb.AppendLogRequest(
            lease=self.lease, first_sequence=first, lines=[LogLine(message=line) for line in lines]
        )
        await self._stub().AppendLog(request, metadata=self.site.worker)

    async def end(self, exit_code: int | None = None) -> None:
        success = worker_pb.FinishTaskRequest.Success()
        success.result.Pack(ReadEnvironmentResult(exit_code=exit_code))
        await self._stub().FinishTask(
            worker_pb.FinishTaskRequest(lease=self.lease, success=success), metadata=self.site.worker
        )

    async def fail(self, error_type: str, message: str) -> None:
        failed = worker_pb.FinishTaskRequest.Failed(error=Failure(type=error_type, message=message))
        await self._stub().FinishTask(
            worker_pb.FinishTaskRequest(lease=self.lease, failed=failed), metadata=self.site.worker
        )

    async def give_back(self) -> None:
        await self._stub().ReleaseTask(worker_pb.ReleaseTaskRequest(lease=self.lease), metadata=self.site.worker)

    async def state(self) -> "Task.State.ValueType":
        return (await self.site.kernel.get(self.lease.task_id)).state

    def _stub(self) -> Any:
        return self.site.stub("tasks.WorkerService")


async def reading(site: Site, worker: Worker) -> Reading:
    """Take what somebody asks to be read."""
    lease = (await worker.take("read_environment")).lease
    task = await site.kernel.get(lease.task_id)
    return Reading(site, lease, unpacked(task.payload, ReadEnvironment()))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0.01)


def execute(site: Site, environment_id: str, *command: str, **fields: Any) -> Any:
    request = pb.ExecRequest(environment_id=environment_id, command=command or ["ls"], **fields)
    return site.stub("environments.OutputService").Exec(request, metadata=site.admin)


async def rest(call: Any) -> tuple[list[str], pb.OutputEnd]:
    """Read a stream to its end."""
    responses = []
    while (response := await asyncio.wait_for(call.read(), 10)) is not grpc.aio.EOF:  # type: ignore[attr-defined]
        responses.append(response)
    assert all(not response.HasField("end") for response in responses[:-1])
    return [line.text for response in responses for line in response.lines], responses[-1].end


async def test_a_command_is_run_and_its_lines_come_as_they_are_printed(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    call = execute(site, environment_id, "make", "all", timeout_seconds=5)
    taken = await reading(site, worker)
    await taken.print("one", "two")
    first = await call.read()
    await taken.print("three", first=3)
    await taken.end(exit_code=2)
    lines, end = await rest(call)

    assert [(line.seq, line.text) for line in first.lines] == [(1, "one"), (2, "two")]
    assert (lines, end) == (["three"], pb.OutputEnd(exit_code=2))
    assert list(taken.payload.command.arguments) == ["make", "all"]
    assert (taken.payload.environment_id, taken.payload.provider, taken.payload.region) == (
        environment_id,
        "local",
        "eastus",
    )
    assert (await site.kernel.get(taken.lease.task_id)).attempt_timeout_seconds == 5


async def test_over_http_logs_are_lines_and_an_end(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    asking = asyncio.create_task(
        site.http.get(f"{PATH}/{environment_id}/logs?tail=7", headers={"accept": "text/event-stream"})
    )
    taken = await reading(site, worker)
    await taken.print("hello")
    await taken.end()

    events = (await asking).text.strip().split("\n\n")
    assert '"seq":1' in events[0]
    assert '"text":"hello"' in events[0]
    assert events[-1] == "event: end\ndata: {}"
    assert taken.payload.logs == ReadEnvironment.Logs(tail=7)


async def test_without_a_number_of_lines_a_hundred_are_read(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    request = pb.StreamLogsRequest(environment_id=environment_id, follow=True)

    call = site.stub("environments.OutputService").StreamLogs(request, metadata=site.admin)
    taken = await reading(site, worker)
    await taken.end()
    await rest(call)

    assert taken.payload.logs == ReadEnvironment.Logs(tail=100, follow=True)


async def test_the_work_is_broken_off_when_the_caller_leaves(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    call = execute(site, environment_id)
    taken = await reading(site, worker)
    call.cancel()

    async def is_cancelling() -> bool:
        return await taken.state() == Task.STATE_CANCELLING

    await until(is_cancelling)


async def test_what_its_worker_gives_back_is_not_run_a_second_time(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    call = execute(site, environment_id)
    taken = await reading(site, worker)
    await taken.give_back()
    _, end = await rest(call)

    assert end == pb.OutputEnd(error=GIVEN_BACK)
    assert await taken.state() == Task.STATE_CANCELLED
    assert await worker.claim("read_environment") is None


async def test_a_failure_ends_it_with_a_sentence(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    ends = []

    for failure in (("ProviderFailed", "it cannot be reached at Azure"), ("Timeout", "the task took longer")):
        call = execute(site, environment_id, timeout_seconds=3)
        await (await reading(site, worker)).fail(*failure)
        ends.append((await rest(call))[1].error)

    assert ends == ["it cannot be reached at Azure", "it was ended after 3 s"]


async def test_what_no_worker_takes_ends_with_a_sentence(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    service = OutputService(site.database, site.kernel, LogHub(site.database, site.kernel.changes), wait_seconds=0.05)
    request = pb.ExecRequest(environment_id=environment_id, command=["ls"])

    responses = [response async for response in service.Exec(request, None)]  # type: ignore[arg-type]

    assert responses == [pb.ExecResponse(end=pb.OutputEnd(error="no worker took it within 0.05 s"))]
    assert await worker.claim("read_environment") is None


async def test_a_command_wants_an_environment_that_runs_and_logs_one_that_was_made(site: Site, worker: Worker) -> None:
    fresh = (await create(site.http))["id"]
    stub = site.stub("environments.OutputService")

    none_yet = await refused(stub.StreamLogs(pb.StreamLogsRequest(environment_id=fresh), metadata=site.admin).read())
    command = await refused(execute(site, fresh).read())
    over_http = await site.http.post(f"{PATH}/{fresh}/exec", json={"command": ["ls"]})

    assert none_yet == (EnvironmentState.status, "nothing of the environment was made yet; it is CREATING")
    assert command[0] is EnvironmentState.status
    assert (over_http.status_code, over_http.json()["code"]) == (400, "INVALID_REQUEST")


BAD_COMMANDS: Sequence[tuple[Sequence[str], str]] = (
    ([], "command"),
    (["x"] * 257, "command"),
    (["", "x"], "command must begin with the name of a program"),
    (["ls", "a\x00b"], "command must not hold NUL"),
    (["ls", "€" * 22_000], "command must have at most 65536 bytes together"),
)


async def test_a_command_that_cannot_be_run_is_refused(site: Site) -> None:
    for command, words in BAD_COMMANDS:
        request = pb.ExecRequest(environment_id="env-a", command=command)

        code, sentence = await refused(
            site.stub("environments.OutputService").Exec(request, metadata=site.admin).read()
        )

        assert code is InvalidArgument.status
        assert sentence.startswith(words)


async def test_somebody_elses_environment_runs_nothing(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(userId="somebody-else")
    metadata = tuple((await site.bearer("developer")).items())
    request = pb.ExecRequest(environment_id=environment_id, command=["ls"])

    code, _ = await refused(site.stub("environments.OutputService").Exec(request, metadata=metadata).read())

    assert code is grpc.StatusCode.NOT_FOUND
    assert await worker.claim("read_environment") is None


async def test_what_a_server_left_behind_is_ended_by_the_next(tmp_path: Path) -> None:
    # Over Postgres there may be another server, whose reading it is.
    async with serving(tmp_path / "data", dialect="sqlite", background=False) as first:
        environment_id = await Worker(first).running()
        call = execute(first, environment_id)
        left = await reading(first, Worker(first))
        url = first.config.database_url
        async with serving(tmp_path / "data", url=url) as second:
            taken = Reading(second, left.lease, left.payload)

            async def is_cancelling() -> bool:
                return await taken.state() == Task.STATE_CANCELLING

            await until(is_cancelling)
        call.cancel()
