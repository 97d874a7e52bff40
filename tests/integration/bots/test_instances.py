"""Instances over the wire: creation, reading, listing, configuration, deletion, tenants."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
import yaml
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from switchyard.bots.v1 import bot_instance_pb2, run_service_pb2
from switchyard.bots.v1 import bot_instance_service_pb2 as pb
from tests.integration.bots.serving import Bots, bearer, serving


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def struct(value: dict[str, object]) -> Struct:
    return json_format.ParseDict(value, Struct())


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


async def test_an_instance_is_created_with_its_folder_and_config(bots: Bots) -> None:
    instance = await bots.create(
        bot_code="f2f_post",
        config=struct({"timezone": "Europe/Amsterdam", "params": {"a": 1}}),
        params=struct({"b": 2}),
    )

    folder = bots.data_dir / "tenants/user-ann/bots" / instance.id
    assert instance.config_path == str(folder / "config.yaml")
    assert names(folder) == ["config.yaml", "inputs", "logs", "secrets", "state"]
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["bot_code"], config["timezone"], config["params"]) == (
        "f2f_post",
        "Europe/Amsterdam",
        {"a": 1, "b": 2},
    )
    assert instance.status == bot_instance_pb2.BotInstance.STATUS_INACTIVE
    assert not instance.HasField("validation_status")
    assert not instance.HasField("last_validated_at")
    assert instance == await bots.get(instance.id)


async def test_a_wrong_config_creates_nothing(bots: Bots) -> None:
    code, message = await refused(bots.create(config=struct({"headless": "yes"})))

    assert (code, message) == (grpc.StatusCode.INVALID_ARGUMENT, "config.headless must be true or false")
    assert not (bots.data_dir / "tenants").exists()


async def test_a_repeated_creation_gives_the_first_answer(bots: Bots) -> None:
    first = await bots.create(request_id="k1")
    again = await bots.create(request_id="k1")

    assert again == first
    assert names(bots.data_dir / "tenants/user-ann/bots") == [first.id]


async def test_a_key_that_was_used_otherwise_is_refused(bots: Bots) -> None:
    await bots.create(request_id="k1")

    code, _ = await refused(bots.create(request_id="k1", bot_code="other"))

    assert code is grpc.StatusCode.ABORTED


@pytest.mark.parametrize("owner_id", ["../x", "a/b", ".hidden", "", "x" * 129, "a\x00"])
async def test_an_owner_that_is_no_plain_name_is_refused(bots: Bots, owner_id: str) -> None:
    code, _ = await refused(bots.create(owner_id=owner_id))

    assert code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("instance_id", ["unknown", "../../etc", "\x00"])
async def test_an_unknown_instance_is_not_found(bots: Bots, instance_id: str) -> None:
    code, message = await refused(bots.get(instance_id))

    assert (code, message) == (grpc.StatusCode.NOT_FOUND, "Bot instance not found")


async def test_instances_are_listed_newest_first_and_paged(bots: Bots) -> None:
    made = [await bots.create() for _ in range(5)]

    page = await bots.instances.ListBotInstances(pb.ListBotInstancesRequest(page=2, per_page=2))

    assert [instance.id for instance in page.bot_instances] == [made[2].id, made[1].id]
    assert (page.total, page.page, page.per_page, page.total_pages) == (5, 2, 2, 3)
    beyond = await bots.instances.ListBotInstances(pb.ListBotInstancesRequest(page=9))
    assert (len(beyond.bot_instances), beyond.total, beyond.per_page) == (0, 5, 20)


async def test_lists_are_filtered_also_by_the_computed_status(bots: Bots) -> None:
    idle = await bots.create()
    failed = await bots.create(owner_id="bob", bot_code="other")
    active = await bots.create(owner_type=bot_instance_pb2.OWNER_TYPE_ORG)
    await bots.start(failed.id)
    await bots.fail(await bots.claim("run_bot"))
    await bots.start(active.id)
    await bots.claim("run_bot")

    async def found(**filters: object) -> list[str]:
        listed = await bots.instances.ListBotInstances(pb.ListBotInstancesRequest(**filters))  # type: ignore[arg-type]
        assert listed.total == len(listed.bot_instances)
        return [instance.id for instance in listed.bot_instances]

    status = bot_instance_pb2.BotInstance
    assert await found(status=status.STATUS_INACTIVE) == [idle.id]
    assert await found(status=status.STATUS_ERROR) == [failed.id]
    assert await found(status=status.STATUS_ACTIVE) == [active.id]
    assert await found(owner_id="bob") == [failed.id]
    assert await found(bot_code="other") == [failed.id]
    assert await found(owner_type=bot_instance_pb2.OWNER_TYPE_ORG) == [active.id]
    assert await found(owner_id="bob", status=status.STATUS_ACTIVE) == []


async def test_the_status_follows_the_runs(bots: Bots) -> None:
    instance = await bots.create()
    status = bot_instance_pb2.BotInstance
    seen = []

    await bots.start(instance.id)
    seen.append((await bots.get(instance.id)).status)
    task = await bots.claim("run_bot")
    seen.append((await bots.get(instance.id)).status)
    await bots.fail(task)
    seen.append((await bots.get(instance.id)).status)
    await bots.start(instance.id)
    seen.append((await bots.get(instance.id)).status)
    await bots.succeed(await bots.claim("run_bot"))
    seen.append((await bots.get(instance.id)).status)

    assert seen == [
        status.STATUS_INACTIVE,
        status.STATUS_ACTIVE,
        status.STATUS_ERROR,
        status.STATUS_ERROR,
        status.STATUS_INACTIVE,
    ]


async def test_an_update_changes_the_file(bots: Bots) -> None:
    instance = await bots.create(params=struct({"a": 1, "b": 2}))

    changed = (
        await bots.instances.UpdateBotInstance(
            pb.UpdateBotInstanceRequest(
                id=instance.id, config=struct({"locale": "nl-NL"}), params=struct({"a": None, "c": 3})
            )
        )
    ).bot_instance

    config = yaml.safe_load(Path(instance.config_path).read_text())
    assert (config["locale"], config["params"]) == ("nl-NL", {"b": 2, "c": 3})
    assert changed.updated_at.ToNanoseconds() > instance.updated_at.ToNanoseconds()


async def test_updates_at_the_same_time_are_all_kept(bots: Bots) -> None:
    instance = await bots.create()

    async with asyncio.TaskGroup() as group:
        for number in range(12):
            request = pb.UpdateBotInstanceRequest(id=instance.id, params=struct({f"p{number}": number}))
            group.create_task(_update(bots, request))

    assert len(yaml.safe_load(Path(instance.config_path).read_text())["params"]) == 12


async def _update(bots: Bots, request: pb.UpdateBotInstanceRequest) -> None:
    await bots.instances.UpdateBotInstance(request)


async def test_a_file_edited_by_hand_counts_and_a_broken_one_is_told(bots: Bots) -> None:
    instance = await bots.create()
    config = Path(instance.config_path)
    config.write_text("bot_code: noop\nheadless: false\ntimezone: UTC\nmine: 1\n")
    await bots.instances.UpdateBotInstance(pb.UpdateBotInstanceRequest(id=instance.id, params=struct({"a": 1})))
    assert yaml.safe_load(config.read_text())["mine"] == 1
    config.write_text("a: [")

    code, message = await refused(
        bots.instances.UpdateBotInstance(pb.UpdateBotInstanceRequest(id=instance.id, params=struct({"a": 1})))
    )

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("config.yaml is not YAML")
    assert config.read_text() == "a: ["
    body = await bots.instances.GetBotConfig(pb.GetBotConfigRequest(id=instance.id))
    assert (body.content_type, body.data) == ("application/yaml", b"a: [")


async def test_a_deleted_instance_leaves_nothing(bots: Bots) -> None:
    instance = await bots.create()
    await bots.run_once(instance.id, "one line")

    answer = await bots.instances.DeleteBotInstance(pb.DeleteBotInstanceRequest(id=instance.id))

    assert answer.ok
    assert not bots.folder(instance).exists()
    code, _ = await refused(bots.get(instance.id))
    assert code is grpc.StatusCode.NOT_FOUND
    assert await _table_sizes(bots) == {"tasks": 0, "log_lines": 0, "folder_removals": 0, "unfinished_log_files": 0}


async def _table_sizes(bots: Bots) -> dict[str, int]:
    tables = ("tasks", "log_lines", "folder_removals", "unfinished_log_files")
    return await bots.database.read(
        lambda connection: {
            table: connection.exec_driver_sql(f"select count(*) from {table}").scalar_one() for table in tables
        }
    )


async def test_an_instance_with_a_run_is_deleted_only_by_force(bots: Bots) -> None:
    instance = await bots.create()
    await bots.start(instance.id)

    code, _ = await refused(bots.instances.DeleteBotInstance(pb.DeleteBotInstanceRequest(id=instance.id)))

    assert code is grpc.StatusCode.FAILED_PRECONDITION
    await bots.instances.DeleteBotInstance(pb.DeleteBotInstanceRequest(id=instance.id, force=True))
    assert not bots.folder(instance).exists()


async def test_a_deletion_cut_short_is_finished_at_the_next_start(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as bots:
        instance = await bots.create()
        folder = bots.folder(instance)
        relative = str(folder.relative_to(bots.data_dir))
        insert = sa.text("insert into folder_removals values (:folder, 0)").bindparams(folder=relative)
        await bots.database.write(lambda connection: connection.execute(insert))

    async with serving(tmp_path / "data"):
        async with asyncio.timeout(5):
            while folder.exists():
                await asyncio.sleep(0.01)


async def test_a_caller_of_one_tenant_sees_only_its_own(bots: Bots) -> None:
    anns = await bots.create()
    bobs = await bots.create(owner_id="bob")
    as_ann = bearer("ann")

    listed = await bots.instances.ListBotInstances(pb.ListBotInstancesRequest(), metadata=as_ann)
    assert [instance.id for instance in listed.bot_instances] == [anns.id]
    for call in (
        bots.instances.GetBotInstance(pb.GetBotInstanceRequest(id=bobs.id), metadata=as_ann),
        bots.instances.DeleteBotInstance(pb.DeleteBotInstanceRequest(id=bobs.id), metadata=as_ann),
        bots.runs.StartRun(run_service_pb2.StartRunRequest(id=bobs.id), metadata=as_ann),
        bots.runs.StopRun(run_service_pb2.StopRunRequest(id=bobs.id), metadata=as_ann),
        bots.instances.ValidateBotInstance(pb.ValidateBotInstanceRequest(id=bobs.id), metadata=as_ann),
    ):
        code, message = await refused(call)
        assert (code, message) == (grpc.StatusCode.NOT_FOUND, "Bot instance not found")
    create = pb.CreateBotInstanceRequest(owner_type=bot_instance_pb2.OWNER_TYPE_USER, owner_id="bob", bot_code="noop")
    code, _ = await refused(bots.instances.CreateBotInstance(create, metadata=as_ann))
    assert code is grpc.StatusCode.PERMISSION_DENIED
