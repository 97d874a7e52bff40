"""What a comparison with our rows is told of Azure."""

from typing import Final

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from tests.clouds.azure.cloud import GROUPS_PATH, PAGE, Cloud, Group, Share
from tests.integration.environments_azure.conftest import PLAN, SHARE, Said
from workers.environments.azure.container_group import group_of
from workers.environments.azure.provider import AzureProvider

BODY: Final = group_of(PLAN, "account", "key").serialize()


def add(cloud: Cloud, number: int, *, state: str = "Running", provisioning: str = "Succeeded") -> str:
    """Put an environment there as it is after a creation; return its id."""
    environment_id = f"env-{number:012d}"
    body = {**BODY, "tags": {"switchyard-environment": environment_id}}
    cloud.groups[environment_id] = Group(environment_id, body, provisioning, state, "203.0.113.9")
    share = f"workspace-{environment_id}"
    cloud.shares[share] = Share(share, 20, {"switchyard_environment": environment_id})
    return environment_id


async def found(provider: AzureProvider) -> dict[str, FoundEnvironment]:
    return {one.environment_id: one async for page in provider.found() for one in page}


async def test_each_environment_is_told_with_what_there_is_of_it_and_how_it_fares_if_the_list_says_so(
    provider: AzureProvider, cloud: Cloud
) -> None:
    running, stopped = add(cloud, 1), add(cloud, 2, state="Stopped")
    changing, failed = add(cloud, 3, provisioning="Updating"), add(cloud, 4, provisioning="Failed")
    only_files = add(cloud, 5)
    del cloud.groups[only_files]

    all_of_them = await found(provider)

    assert {key: one.standing for key, one in all_of_them.items()} == {
        # A list does not tell which of those that nothing changes run.
        running: FoundEnvironment.STANDING_UNSPECIFIED,
        stopped: FoundEnvironment.STANDING_UNSPECIFIED,
        changing: FoundEnvironment.STANDING_CHANGING,
        failed: FoundEnvironment.STANDING_FAILED,
        only_files: FoundEnvironment.STANDING_STOPPED,
    }
    assert list(all_of_them[running].resources) == [f"{GROUPS_PATH}/{running}", f"workspace-{running}"]
    assert list(all_of_them[only_files].resources) == [f"workspace-{only_files}"]


async def test_what_is_not_ours_is_not_told(provider: AzureProvider, cloud: Cloud) -> None:
    await provider.create(PLAN, Said())
    cloud.groups["theirs"] = Group("theirs", {**cloud.groups[PLAN.environment_id].body, "tags": {}})
    cloud.shares["workspace-theirs"] = Share("workspace-theirs", 5, {})

    all_of_them = await found(provider)

    assert list(all_of_them) == [PLAN.environment_id]
    assert SHARE in all_of_them[PLAN.environment_id].resources


async def test_a_thousand_environments_are_listed_with_one_call_for_each_page_and_no_other(
    provider: AzureProvider, cloud: Cloud
) -> None:
    ids = {add(cloud, number, provisioning="Succeeded" if number < 50 else "Updating") for number in range(1_000)}

    pages = [page async for page in provider.found()]

    assert {one.environment_id for page in pages for one in page} == ids
    assert cloud.faults.taken["list-groups"] == cloud.faults.taken["list-shares"] == 1_000 // PAGE
    assert cloud.faults.taken["get-group"] == 0
