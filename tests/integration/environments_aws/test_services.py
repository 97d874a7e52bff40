"""What is special about environments at AWS."""

import asyncio
from dataclasses import replace

import pytest

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from tests.clouds.aws.front import Aws
from tests.clouds.fault import Kind
from tests.clouds.promises import SECRETS, Told, found_ids
from tests.patience import PATIENCE
from workers.environments.aws import AwsProvider, read_settings
from workers.environments.aws.task_definition import environment_definition, eraser_definition, fargate_size
from workers.environments.provider import NotThere, Plan, ProviderFailed

pytestmark = pytest.mark.asyncio(loop_scope="module")


SETTINGS = {
    "AWS_REGION": "eu-central-1",
    "ENVIRONMENTS_AWS_CLUSTER": "environments",
    "ENVIRONMENTS_AWS_SUBNETS": "subnet-1",
    "ENVIRONMENTS_AWS_SECURITY_GROUPS": "sg-1",
    "ENVIRONMENTS_AWS_EXECUTION_ROLE": "arn:aws:iam::123456789012:role/environments",
    "ENVIRONMENTS_AWS_FILE_SYSTEM": "fs-1",
    "ENVIRONMENTS_AWS_LOG_GROUP": "environments",
}


async def test_an_environment_that_does_not_start_fails_and_is_shown_as_failed(
    provider: AwsProvider, cloud: Aws, wanted: Plan
) -> None:
    cloud.machines.startable = False

    with pytest.raises(ProviderFailed, match="the environment does not start at AWS"):
        await provider.create(wanted, Told())

    described = await provider.describe(wanted.environment_id, wanted.region)
    assert described is not None
    assert described.standing == FoundEnvironment.STANDING_FAILED
    await provider.delete(wanted.environment_id, wanted.region, Told())
    assert await cloud.left() == []


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        (Kind.QUOTA, "ProviderQuota", "the quota at AWS does not allow it"),
        (Kind.REFUSED, "ProviderRefused", "AWS refused the credentials of this installation"),
    ],
)
async def test_what_will_not_pass_is_not_tried_again(
    provider: AwsProvider, cloud: Aws, wanted: Plan, kind: Kind, name: str, sentence: str
) -> None:
    cloud.faults.plan("secretsmanager:CreateSecret", kind)

    with pytest.raises(ProviderFailed) as failure:
        await provider.create(wanted, Told())

    assert (failure.value.kind, str(failure.value), failure.value.retryable) == (name, sentence, False)
    assert cloud.faults.steps().count("secretsmanager:CreateSecret") == 1
    told = str(failure.value.__cause__)
    assert not [secret for secret in SECRETS.values() if secret in told]


async def test_an_answer_that_never_comes_is_not_waited_for(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    cloud.faults.plan("ecs:CreateService", Kind.SILENT)

    assert (await provider.create(wanted, Told())).public_ip

    # It was carried out, and the next look has found that.
    assert cloud.faults.arrived.count("ecs:CreateService") == 1


async def test_files_that_cannot_be_erased_keep_their_name(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await provider.create(wanted, Told())
    cloud.machines.erasable = False

    with pytest.raises(ProviderFailed, match="could not be erased") as failure:
        await provider.delete(wanted.environment_id, wanted.region, Told())

    assert failure.value.retryable
    assert await cloud.files(wanted.environment_id)
    assert await found_ids(provider) == [wanted.environment_id]
    cloud.machines.erasable = True
    await provider.delete(wanted.environment_id, wanted.region, Told())
    assert await cloud.left() == []


async def test_another_region_is_refused_before_anything_is_made(
    provider: AwsProvider, cloud: Aws, wanted: Plan
) -> None:
    with pytest.raises(ProviderFailed, match="are made in eu-central-1, and not in us-east-1") as failure:
        await provider.create(replace(wanted, region="us-east-1"), Told())

    assert failure.value.kind == "ProviderRefused"
    assert cloud.faults.steps() == []


async def test_a_changed_plan_is_a_new_definition_and_the_files_stay(
    provider: AwsProvider, cloud: Aws, wanted: Plan
) -> None:
    first = await provider.create(wanted, Told())
    await provider.stop(wanted.environment_id, wanted.region, Told())
    again = await provider.start(wanted, Told())

    changed = await provider.start(replace(wanted, image="another:latest"), Told())

    assert first.storage_name == again.storage_name == changed.storage_name
    assert cloud.faults.steps().count("ecs:RegisterTaskDefinition") == 2
    assert await cloud.files(wanted.environment_id) == {"work.txt"}


async def test_a_secret_that_was_removed_by_hand_is_restored(provider: AwsProvider, cloud: Aws, wanted: Plan) -> None:
    await provider.create(wanted, Told())
    await provider.stop(wanted.environment_id, wanted.region, Told())
    await cloud.machines.remove_secret_by_hand("switchyard/env-1")

    await provider.start(wanted, Told())

    (process,) = await cloud.processes(wanted.environment_id)
    assert process["GITHUB_TOKEN"] == wanted.secrets["GITHUB_TOKEN"]


async def test_the_last_lines_are_read_across_starts_and_then_those_that_come(
    provider: AwsProvider, cloud: Aws, wanted: Plan
) -> None:
    await provider.create(wanted, Told())
    await cloud.machines.log(wanted.environment_id, "one", "two")
    await provider.stop(wanted.environment_id, wanted.region, Told())
    await provider.start(wanted, Told())
    await cloud.machines.log(wanted.environment_id, "three")
    lines: list[str] = []
    following = asyncio.create_task(
        provider.logs(wanted.environment_id, wanted.region, lines.append, tail=2, follow=True)
    )
    async with asyncio.timeout(PATIENCE):
        while len(lines) < 2:
            await asyncio.sleep(0.01)
        await cloud.machines.log(wanted.environment_id, "four")
        while len(lines) < 3:
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.wait([following])

    assert lines == ["two", "three", "four"]


async def test_what_never_ran_has_no_logs_and_runs_no_command(provider: AwsProvider, wanted: Plan) -> None:
    with pytest.raises(NotThere):
        await provider.logs(wanted.environment_id, wanted.region, print, tail=2, follow=False)
    with pytest.raises(NotThere):
        await provider.exec(wanted.environment_id, wanted.region, ["ls"], print)


# Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
@pytest.mark.parametrize(
    ("cores", "memory_gb", "size"),
    [
        (2, 4, (2, 4)),
        (1, 1, (1, 2)),
        (1, 16, (2, 16)),  # a core has at most 8 GB
        (3, 4, (4, 8)),
        (4, 16, (4, 16)),
    ],
)
async def test_the_smallest_size_that_is_large_enough_is_taken(
    cores: int, memory_gb: int, size: tuple[int, int]
) -> None:
    assert fargate_size(cores, memory_gb) == size


@pytest.mark.parametrize(
    "name", ["ENVIRONMENTS_AWS_SUBNETS", "ENVIRONMENTS_AWS_FILE_SYSTEM", "ENVIRONMENTS_AWS_LOG_GROUP", "AWS_REGION"]
)
async def test_a_worker_without_a_setting_says_which(cloud: Aws, name: str) -> None:
    with pytest.raises(ProviderFailed, match=f"{name} is not set"):
        read_settings({**cloud.variables, name: " "} if name != "AWS_REGION" else {})


async def test_the_script_of_a_template_runs_before_the_environment_and_stops_nothing(wanted: Plan) -> None:
    settings = read_settings(SETTINGS)
    scripted = replace(wanted, startup_script="pip install --user ruff")

    definition = environment_definition(scripted, settings, access_point="fsap-1", secret="arn:secret")

    environment, startup = definition["containerDefinitions"]
    assert environment["dependsOn"] == [{"containerName": "startup", "condition": "COMPLETE"}]
    assert {"name": "STARTUP_SCRIPT", "value": "pip install --user ruff"} in startup["environment"]
    assert (startup["essential"], startup["secrets"]) == (False, environment["secrets"])
    plain = environment_definition(
        replace(wanted, startup_script=""), settings, access_point="fsap-1", secret="arn:secret"
    )
    assert len(plain["containerDefinitions"]) == 1


async def test_an_environment_has_the_role_for_commands_and_what_erases_its_files_has_none(wanted: Plan) -> None:
    role = "arn:aws:iam::123456789012:role/environment"
    settings = read_settings({**SETTINGS, "ENVIRONMENTS_AWS_TASK_ROLE": role})

    definition = environment_definition(wanted, settings, access_point="fsap-1", secret="arn:secret")
    eraser = eraser_definition(wanted.environment_id, settings, access_point="fsap-1")
    without = environment_definition(wanted, read_settings(SETTINGS), access_point="fsap-1", secret="arn:secret")

    assert definition["taskRoleArn"] == role
    assert "taskRoleArn" not in eraser
    assert "taskRoleArn" not in without
