"""A comparison as a worker carries it out: what Azure's list does not tell is looked at where it is wanted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from switchyard.environments.v1 import provisioning_service_pb2 as pb
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from switchyard.tasks.v1 import worker_service_pb2 as tasks_pb
from tests.clouds.azure.cloud import Cloud
from tests.clouds.azure.server import AzureStandIn
from tests.integration.environments.provisioning_board import ProvisioningBoard
from tests.integration.environments_azure.test_found import add
from tests.integration.workers.board import TOKEN, Row
from workers.assignment import Desk, without_process
from workers.environments.compare import CompareEnvironments
from workers.environments.providers import Providers, Surroundings
from workers.server_link import ServerLink


class ComparisonBoard(ProvisioningBoard):
    """A board that wants to know more of some environments. `meanwhile` happens before it says of which."""

    def __init__(self, wanted: set[str], meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self.told: list[dict[str, FoundEnvironment.Standing.ValueType]] = []
        self._wanted = wanted
        self._meanwhile = meanwhile

    async def GetEnvironmentPlan(self, request: Any, context: Any) -> pb.GetEnvironmentPlanResponse:
        raise AssertionError("nobody asks for a plan")

    async def ReportFound(self, request: pb.ReportFoundRequest, context: Any) -> pb.ReportFoundResponse:
        await self._row(request.lease, context)
        self.told.append({one.environment_id: one.standing for one in request.found})
        self._meanwhile()
        untold = {one.environment_id for one in request.found if not one.standing}
        return pb.ReportFoundResponse(wanted=sorted(untold & self._wanted))


async def compare(board: ComparisonBoard, azure: AzureStandIn, folder: Path) -> Row:
    """Let a worker compare what is at Azure, and return its Task."""
    row = board.add("compare_environments", pb.CompareEnvironments(provider="azure"))
    await board.ClaimTask(tasks_pb.ClaimTaskRequest(kinds=[row.task.kind]), None)
    surroundings = Surroundings(azure.environment(), folder, folder, (), None)
    async with (
        board.shown() as address,
        ServerLink(address, TOKEN) as link,
        Providers(surroundings) as providers,
    ):
        handlers = {"compare_environments": without_process(CompareEnvironments(providers))}
        await Desk(link, handlers, folder / "work").perform(row.task, 30)
    return row


async def test_those_that_are_wanted_are_looked_at_and_told_again(
    azure: AzureStandIn, cloud: Cloud, tmp_path: Path
) -> None:
    running, stopped, gone, unwanted = (add(cloud, number) for number in range(4))
    cloud.groups[stopped].state = "Stopped"

    def meanwhile() -> None:
        cloud.groups.pop(gone, None)
        cloud.shares.pop(f"workspace-{gone}", None)

    board = ComparisonBoard({running, stopped, gone}, meanwhile)

    row = await compare(board, azure, tmp_path)

    result = pb.CompareEnvironmentsResult()
    assert row.report is not None
    assert row.report.success.result.Unpack(result)
    assert result.found == 4
    assert board.told[0] == dict.fromkeys((running, stopped, gone, unwanted), FoundEnvironment.STANDING_UNSPECIFIED)
    # What went away meanwhile is nothing that the next comparison would not see.
    assert [told for told in board.told[1:] if told] == [
        {running: FoundEnvironment.STANDING_RUNNING, stopped: FoundEnvironment.STANDING_STOPPED}
    ]
    assert cloud.faults.taken["get-group"] == 3
