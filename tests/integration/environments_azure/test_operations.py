"""Every operation of Azure as a provider, where nothing goes wrong."""

from dataclasses import replace
from typing import Any

import pytest

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from tests.clouds.azure.cloud import GROUPS_PATH, Cloud
from tests.integration.environments_azure.conftest import ENVIRONMENT_ID, GROUP, PLAN, REGION, SECRETS, SHARE, Said
from workers.environments.azure.provider import AzureProvider
from workers.environments.provider import OpenPort, ProviderFailed


async def test_create_makes_a_share_and_a_group_that_runs_the_image_with_it(
    provider: AzureProvider, cloud: Cloud
) -> None:
    made = await provider.create(PLAN, Said())

    share = cloud.shares[SHARE]
    assert (share.quota_gb, share.metadata) == (20, {"switchyard_environment": ENVIRONMENT_ID})
    group = cloud.groups[GROUP].body
    container = group["properties"]["containers"][0]["properties"]
    assert group["location"] == REGION
    assert {name: value for name, value in group["tags"].items() if name != "switchyard-plan"} == {
        "switchyard-environment": ENVIRONMENT_ID,
        "switchyard-user": "user-123",
        "switchyard-name": "My Dev Environment",
    }
    assert group["properties"]["restartPolicy"] == "OnFailure"
    assert container["image"] == "vaibhavsing/dev8-workspace:latest"
    assert container["resources"]["requests"] == {"cpu": 2.0, "memoryInGB": 4.0}
    assert [port["port"] for port in container["ports"]] == [8443, 2222, 3000]
    assert group["properties"]["ipAddress"]["type"] == "Public"
    assert group["properties"]["ipAddress"]["dnsNameLabel"] == ENVIRONMENT_ID
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/home/dev8/workspace"]
    assert group["properties"]["volumes"][0]["azureFile"]["shareName"] == SHARE
    assert made.resource_id == f"{GROUPS_PATH}/{GROUP}"
    assert made.storage_name == SHARE
    assert made.public_ip.startswith("203.0.113.")
    assert made.ide_url == f"https://{made.public_ip}:8443"
    assert list(made.ports) == [
        OpenPort("ide", 8443, made.ide_url),
        OpenPort("ssh", 2222, f"ssh://{made.public_ip}:2222"),
        OpenPort("web", 3000, f"http://{made.public_ip}:3000"),
    ]


async def test_every_secret_is_a_secure_variable_and_nothing_else_is(provider: AzureProvider, cloud: Cloud) -> None:
    await provider.create(PLAN, Said())

    sent = cloud.groups[GROUP].body["properties"]["containers"][0]["properties"]["environmentVariables"]
    assert {one["name"]: one["secureValue"] for one in sent if "secureValue" in one} == SECRETS
    assert {one["name"]: one["value"] for one in sent if "value" in one} == {
        "WORKSPACE_DIR": "/home/dev8/workspace",
        **PLAN.variables,
    }


async def test_the_steps_of_a_creation_are_told_in_order(provider: AzureProvider) -> None:
    steps = Said()

    await provider.create(PLAN, steps)

    assert steps.names == ["creating the file share", "creating the container group", "waiting for the container"]
    assert steps.fractions == sorted(steps.fractions)


async def test_creating_what_runs_already_changes_nothing(provider: AzureProvider, cloud: Cloud) -> None:
    first = await provider.create(PLAN, Said())
    cloud.shares[SHARE].files["notes.txt"] = b"kept"
    cloud.faults.taken.clear()

    second = await provider.create(PLAN, Said())

    assert second == first
    assert cloud.shares[SHARE].files == {"notes.txt": b"kept"}
    assert cloud.faults.taken == {"create-share": 1, "get-group": 1}


async def test_stop_frees_the_compute_and_keeps_the_files(provider: AzureProvider, cloud: Cloud) -> None:
    await provider.create(PLAN, Said())
    cloud.shares[SHARE].files["notes.txt"] = b"kept"

    await provider.stop(ENVIRONMENT_ID, REGION, Said())

    assert cloud.groups[GROUP].state == "Stopped"
    assert cloud.shares[SHARE].files == {"notes.txt": b"kept"}


async def test_start_runs_the_group_that_is_there_again(provider: AzureProvider, cloud: Cloud) -> None:
    before = await provider.create(PLAN, Said())
    await provider.stop(ENVIRONMENT_ID, REGION, Said())
    cloud.faults.taken.clear()

    made = await provider.start(PLAN, Said())

    assert (cloud.groups[GROUP].state, cloud.groups[GROUP].starts) == ("Running", 2)
    assert (cloud.faults.taken["start-group"], cloud.faults.taken["put-group"]) == (1, 0)
    # Azure gives another address after a stop.
    assert made.public_ip != before.public_ip


@pytest.mark.parametrize("change", [{"secrets": {"CODE_SERVER_PASSWORD": "another"}}, {"cpu_cores": 4}])
async def test_start_makes_the_group_anew_when_something_of_its_plan_is_different(
    change: dict[str, Any], provider: AzureProvider, cloud: Cloud
) -> None:
    await provider.create(PLAN, Said())
    await provider.stop(ENVIRONMENT_ID, REGION, Said())

    await provider.start(replace(PLAN, **change), Said())

    assert cloud.faults.taken["put-group"] == 2
    if "secrets" in change:
        assert cloud.groups[GROUP].variables()["CODE_SERVER_PASSWORD"] == "another"


async def test_start_makes_a_group_that_is_gone_around_the_files_that_are_there(
    provider: AzureProvider, cloud: Cloud
) -> None:
    await provider.create(PLAN, Said())
    cloud.shares[SHARE].files["notes.txt"] = b"kept"
    del cloud.groups[GROUP]

    await provider.start(PLAN, Said())

    assert cloud.groups[GROUP].state == "Running"
    assert cloud.shares[SHARE].files == {"notes.txt": b"kept"}


async def test_delete_leaves_nothing(provider: AzureProvider, cloud: Cloud) -> None:
    await provider.create(PLAN, Said())

    await provider.delete(ENVIRONMENT_ID, REGION, Said())

    assert cloud.leftovers() == []


async def test_what_is_not_there_is_stopped_and_deleted_without_an_error(provider: AzureProvider, cloud: Cloud) -> None:
    await provider.stop(ENVIRONMENT_ID, REGION, Said())
    await provider.delete(ENVIRONMENT_ID, REGION, Said())

    assert cloud.leftovers() == []


async def test_a_resource_group_that_is_not_there_is_no_environment_that_is_gone(provider: AzureProvider) -> None:
    """Else a wrong setting would make every environment look deleted, while all of them run and cost."""
    provider._groups._in = "nowhere"

    with pytest.raises(ProviderFailed):
        await provider.delete(ENVIRONMENT_ID, REGION, Said())


async def test_describe_tells_what_azure_says(provider: AzureProvider, cloud: Cloud) -> None:
    nothing = await provider.describe(ENVIRONMENT_ID, REGION)
    await provider.create(PLAN, Said())
    running = await provider.describe(ENVIRONMENT_ID, REGION)
    await provider.stop(ENVIRONMENT_ID, REGION, Said())
    stopped = await provider.describe(ENVIRONMENT_ID, REGION)
    del cloud.groups[GROUP]
    only_files = await provider.describe(ENVIRONMENT_ID, REGION)

    assert nothing is None
    assert running is not None
    assert running.standing == FoundEnvironment.STANDING_RUNNING
    assert list(running.resources) == [f"{GROUPS_PATH}/{GROUP}", SHARE]
    assert stopped is not None
    assert (stopped.standing, stopped.detail) == (FoundEnvironment.STANDING_STOPPED, "Succeeded, Stopped")
    assert only_files is not None
    assert (only_files.standing, list(only_files.resources)) == (FoundEnvironment.STANDING_STOPPED, [SHARE])


async def test_an_environment_whose_container_ends_at_once_is_an_error_and_not_run_for_ever(
    provider: AzureProvider, cloud: Cloud
) -> None:
    cloud.always_ends = True

    with pytest.raises(ProviderFailed, match="ended as soon as it was started") as failure:
        await provider.create(PLAN, Said())

    assert not failure.value.retryable
    assert cloud.groups[GROUP].starts == 3


async def test_a_template_cannot_take_the_ports_of_editor_and_ssh(provider: AzureProvider, cloud: Cloud) -> None:
    made = await provider.create(replace(PLAN, ports={"mine": 8443, "web": 3000}), Said())

    assert [port.port for port in made.ports] == [8443, 2222, 3000]
