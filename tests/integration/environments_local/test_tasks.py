"""Tasks of environments, claimed from a board over a real gRPC link and done by the local provider."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.tasks.v1 import worker_service_pb2 as tasks_pb
from tests.integration.environments.provisioning_board import ProvisioningBoard
from tests.integration.environments_local.conftest import SECRETS, SMALL_EDITOR, Machine, answers
from tests.integration.workers.board import TOKEN, Row, until
from tests.integration.workers.conftest import ROOT
from tests.patience import PATIENCE
from workers.assignment import Desk, Handler, without_process
from workers.environments.compare import CompareEnvironments
from workers.environments.providers import Providers, Surroundings
from workers.environments.provision import ProvisionEnvironment
from workers.environments.read import ReadEnvironment
from workers.server_link import ServerLink

Operation = pb.ProvisionEnvironment
ID = "env-tasks0000001"


class EnvironmentBoard(ProvisioningBoard):
    """A board with one environment."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[bool, list[str]]] = []

    async def GetEnvironmentPlan(self, request: Any, context: Any) -> pb.GetEnvironmentPlanResponse:
        await self._row(request.lease, context)
        return pb.GetEnvironmentPlanResponse(
            environment_id=ID, cpu_cores=1, memory_gb=1, storage_gb=10, secrets=SECRETS, startup_script="echo begun"
        )

    async def ReportFound(self, request: pb.ReportFoundRequest, context: Any) -> pb.ReportFoundResponse:
        await self._row(request.lease, context)
        self.found.append((request.first, [found.environment_id for found in request.found]))
        return pb.ReportFoundResponse()


@asynccontextmanager
async def worker(
    machine: Machine, board: EnvironmentBoard, makers: dict[str, str] | None = None
) -> AsyncIterator[Desk]:
    """A desk with the handlers of environments."""
    surroundings = Surroundings({}, machine.data_dir, machine.data_dir / "work", SMALL_EDITOR, None)
    async with (
        board.shown() as address,
        ServerLink(address, TOKEN) as link,
        Providers(surroundings, **({"makers": makers} if makers else {})) as providers,
    ):
        handlers: Mapping[str, Handler] = {
            "provision_environment": without_process(ProvisionEnvironment(providers)),
            "read_environment": ReadEnvironment(providers),
            "compare_environments": without_process(CompareEnvironments(providers)),
        }
        yield Desk(link, handlers, machine.data_dir / "work")


async def perform(desk: Desk, board: EnvironmentBoard, kind: str, payload: Any) -> Row:
    row = board.add(kind, payload)
    await claimed(board, row)
    await desk.perform(row.task, 30)
    return row


async def claimed(board: EnvironmentBoard, row: Row) -> None:
    response = await board.ClaimTask(tasks_pb.ClaimTaskRequest(kinds=[row.task.kind]), None)
    assert response.task.id == row.task.id


def operation(kind: int, provider: str = "local") -> pb.ProvisionEnvironment:
    return pb.ProvisionEnvironment(environment_id=ID, operation=kind, provider=provider, region="eastus")  # type: ignore[arg-type]


def result(row: Row, message: Any) -> Any:
    assert row.report is not None
    assert row.report.success.result.Unpack(message), row.report
    return message


def failure(row: Row) -> tuple[str, str, bool]:
    assert row.report is not None
    failed = row.report.failed
    return failed.error.type, failed.error.message, failed.retryable


async def test_an_environment_is_made_read_compared_and_deleted(machine: Machine) -> None:
    board = EnvironmentBoard()
    async with worker(machine, board) as desk:
        row = await perform(desk, board, "provision_environment", operation(Operation.OPERATION_CREATE))
        made = result(row, pb.ProvisionEnvironmentResult())
        assert made.ide_url == f"http://127.0.0.1:{made.ports[0].port}/"
        assert row.texts[0] == "making the folders"
        assert not [text for text in [*row.texts, str(row.report)] for secret in SECRETS.values() if secret in text]

        command = pb.ReadEnvironment(environment_id=ID, provider="local")
        command.command.arguments.extend(["sh", "-c", "echo out; echo err >&2; exit 5"])
        row = await perform(desk, board, "read_environment", command)
        assert (row.texts, result(row, pb.ReadEnvironmentResult()).exit_code) == (["out", "err"], 5)

        logs = pb.ReadEnvironment(environment_id=ID, provider="local")
        logs.logs.tail = 100
        row = await perform(desk, board, "read_environment", logs)
        assert "begun" in row.texts
        assert not result(row, pb.ReadEnvironmentResult()).HasField("exit_code")

        row = await perform(desk, board, "compare_environments", pb.CompareEnvironments(provider="local"))
        assert board.found == [(True, [ID])]

        row = await perform(desk, board, "provision_environment", operation(Operation.OPERATION_DELETE))
        result(row, pb.ProvisionEnvironmentResult())
        assert not machine.folder(ID).exists()

        row = await perform(desk, board, "compare_environments", pb.CompareEnvironments(provider="local"))
        assert board.found[1:] == [(True, [])]


@asynccontextmanager
async def worker_process(machine: Machine, address: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker without a queue: it asks for work every two seconds."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers"),
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'generated/python'}",
            "SWITCHYARD_SERVER": address,
            "WORKER_TOKEN": TOKEN,
            "DATA_DIR": str(machine.data_dir),
            "LOCAL_IDE_COMMAND": shlex.join(SMALL_EDITOR),
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_worker_that_is_killed_leaves_it_to_the_next_one(machine: Machine) -> None:
    board = EnvironmentBoard()
    async with board.shown() as address:
        async with worker_process(machine, address) as first:
            row = board.add("provision_environment", operation(Operation.OPERATION_CREATE))
            await until(lambda: row.report is not None, seconds=PATIENCE)
            made = result(row, pb.ProvisionEnvironmentResult())
            first.kill()
            await first.wait()
        assert answers(made.ide_url)

        async with worker_process(machine, address) as second:
            row = board.add("provision_environment", operation(Operation.OPERATION_STOP))
            await until(lambda: row.report is not None, seconds=PATIENCE)
            result(row, pb.ProvisionEnvironmentResult())
            assert machine.processes(ID) == []
            second.terminate()
            assert await second.wait() == 0


async def test_reading_what_does_not_run_fails_with_a_sentence(machine: Machine) -> None:
    board = EnvironmentBoard()
    async with worker(machine, board) as desk:
        command = pb.ReadEnvironment(environment_id="env-nowhere00001", provider="local")
        command.command.arguments.append("true")

        row = await perform(desk, board, "read_environment", command)

    assert failure(row) == ("ProviderFailed", "the environment does not run", False)


@pytest.mark.parametrize("outcome", ["cancelled", "stopping"])
async def test_a_reader_that_is_not_wanted_any_more_ends_and_is_not_begun_again(machine: Machine, outcome: str) -> None:
    machine.folder("env-silent000001").mkdir(parents=True, exist_ok=True)
    (machine.folder("env-silent000001") / "environment.log").write_text("one\ntwo\n")
    board = EnvironmentBoard()
    async with worker(machine, board) as desk:
        payload = pb.ReadEnvironment(environment_id="env-silent000001", provider="local")
        payload.logs.tail, payload.logs.follow = 1, True
        row = board.add("read_environment", payload)
        await claimed(board, row)
        reading = asyncio.create_task(desk.perform(row.task, 30))
        await until(lambda: row.texts == ["two"])

        if outcome == "cancelled":
            board.cancel(row)
        else:
            desk.stopping.set()

        await reading
    assert row.releases == 0
    assert row.report is not None
    assert row.report.WhichOneof("outcome") == ("cancelled" if outcome == "cancelled" else "failed")


UNRULY = {"unruly": "tests.integration.environments_local.unruly:make"}


async def test_what_a_provider_says_stays_in_the_workers_own_log(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    board = EnvironmentBoard()
    async with worker(machine, board, UNRULY) as desk:
        row = await perform(desk, board, "provision_environment", operation(Operation.OPERATION_STOP, "unruly"))

    assert failure(row) == ("ProviderFailed", "failed to stop the environment at unruly", True)
    assert "verysecret" not in " ".join(row.texts)
    assert "verysecret" in capsys.readouterr().out


async def test_what_is_found_goes_in_messages_of_a_thousand(machine: Machine) -> None:
    board = EnvironmentBoard()
    async with worker(machine, board, UNRULY) as desk:
        await perform(desk, board, "compare_environments", pb.CompareEnvironments(provider="unruly"))

    assert [(first, len(found)) for first, found in board.found] == [(True, 1000), (False, 1000), (False, 500)]


async def test_a_provider_nobody_knows_is_refused_with_a_sentence(machine: Machine) -> None:
    board = EnvironmentBoard()
    async with worker(machine, board) as desk:
        row = await perform(desk, board, "provision_environment", operation(Operation.OPERATION_CREATE, "nowhere"))

    assert failure(row) == ("ProviderRefused", "this worker knows no provider named 'nowhere'", False)
