"""Following the log of an instance: what comes first, where it goes on, how it ends."""

import asyncio
from dataclasses import dataclass, field

import grpc
import pytest

from server.bots import log_view
from switchyard.bots.v1 import bot_instance_service_pb2, run_pb2
from switchyard.bots.v1 import run_service_pb2 as pb
from tests.integration.bots.serving import Bots


@dataclass
class Reader:
    """What one reader has seen."""

    lines: list[pb.WatchLogsResponse.Line] = field(default_factory=list)
    end: pb.WatchLogsResponse.End | None = None

    @property
    def introduction(self) -> list[str]:
        return [line.text for line in self.lines if not line.cursor]

    @property
    def messages(self) -> list[str]:
        return [line.line.message for line in self.lines if line.cursor]

    async def follow(self, bots: Bots, instance_id: str, *, run_id: str = "", after: str = "") -> "Reader":
        request = pb.WatchLogsRequest(id=instance_id, run_id=run_id, after=after)
        async with asyncio.timeout(10):
            async for response in bots.runs.WatchLogs(request):
                self.lines.extend(response.lines)
                if response.HasField("end"):
                    self.end = response.end
        return self

    async def until(self, count: int) -> None:
        """Wait for `count` lines of the log."""
        async with asyncio.timeout(5):
            while len(self.messages) < count:
                await asyncio.sleep(0.005)


async def test_a_finished_run_is_shown_from_its_first_line_to_its_end(bots: Bots) -> None:
    instance = await bots.create(bot_code="f2f_post")
    run_id = await bots.run_once(instance.id, "one", "two")

    reader = await Reader().follow(bots, instance.id)

    assert reader.introduction == [
        f"Starting bot instance {instance.id}...",
        "Bot code: f2f_post",
        "Status: inactive",
    ]
    assert [line.cursor for line in reader.lines[3:]] == [f"{run_id}:1", f"{run_id}:2"]
    assert reader.lines[3].text.endswith("] - one")
    assert reader.end == pb.WatchLogsResponse.End(
        cursor=f"{run_id}:end", text="success", status=run_pb2.RUN_STATUS_SUCCESS, run_id=run_id
    )


async def test_the_introduction_comes_before_there_is_a_run(bots: Bots) -> None:
    instance = await bots.create()
    reader = Reader()
    following = asyncio.create_task(reader.follow(bots, instance.id))
    async with asyncio.timeout(5):
        while len(reader.introduction) < 3:
            await asyncio.sleep(0.005)

    await bots.run_once(instance.id, "first")

    await following
    assert reader.messages == ["first"]


async def test_lines_come_live(bots: Bots) -> None:
    instance = await bots.create()
    await bots.start(instance.id)
    task = await bots.claim("run_bot")
    reader = Reader()
    following = asyncio.create_task(reader.follow(bots, instance.id))
    await bots.log(task, 1, "one")
    await reader.until(1)

    await bots.log(task, 2, "two", "three")
    await reader.until(3)
    await bots.fail(task)

    await following
    assert reader.introduction[2] == "Status: active"
    assert reader.end is not None
    assert reader.end.text == "error"


@pytest.mark.parametrize("seq", [0, 1, 4, 5])
async def test_a_reader_that_comes_back_gets_exactly_what_follows(bots: Bots, seq: int) -> None:
    instance = await bots.create()
    run_id = await bots.run_once(instance.id, "1", "2", "3", "4", "5")

    reader = await Reader().follow(bots, instance.id, after=f"{run_id}:{seq}")

    assert reader.introduction == []
    assert reader.messages == ["1", "2", "3", "4", "5"][seq:]
    assert reader.end is not None


async def test_a_reader_that_comes_back_finishes_its_run_before_a_newer_one(bots: Bots) -> None:
    instance = await bots.create()
    first = await bots.run_once(instance.id, "a", "b")
    await bots.run_once(instance.id, "c")

    reader = await Reader().follow(bots, instance.id, after=f"{first}:1")

    assert (reader.messages, reader.end and reader.end.run_id) == (["b"], first)


async def test_a_reader_behind_the_end_waits_for_the_next_run(bots: Bots) -> None:
    instance = await bots.create()
    first = await bots.run_once(instance.id, "a")
    reader = Reader()
    following = asyncio.create_task(reader.follow(bots, instance.id, after=f"{first}:end"))
    await asyncio.sleep(0.05)
    assert reader.lines == []

    second = await bots.run_once(instance.id, "b")

    await following
    assert (reader.messages, reader.end and reader.end.run_id) == (["b"], second)


async def test_one_run_is_followed_by_its_id(bots: Bots) -> None:
    instance = await bots.create()
    first = await bots.run_once(instance.id, "a")
    await bots.run_once(instance.id, "b")

    reader = await Reader().follow(bots, instance.id, run_id=first)
    again = await Reader().follow(bots, instance.id, run_id=first, after=f"{first}:end")

    assert (len(reader.introduction), reader.messages) == (3, ["a"])
    assert (again.lines, again.end and again.end.run_id) == ([], first)


@pytest.mark.parametrize(
    "after", ["x", "1", ":1", "{run}:", "{run}:-1", "{run}:x", "{other}:1", "{other}:end", "nobody:1"]
)
async def test_a_cursor_of_no_line_of_this_log_is_refused(bots: Bots, after: str) -> None:
    instance, other = await bots.create(), await bots.create()
    run_id, other_run = await bots.run_once(instance.id, "a"), await bots.run_once(other.id, "b")

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await Reader().follow(bots, instance.id, after=after.format(run=run_id, other=other_run))

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_run_of_another_instance_cannot_be_followed(bots: Bots) -> None:
    instance, other = await bots.create(), await bots.create()
    run_id = await bots.run_once(other.id)

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await Reader().follow(bots, instance.id, run_id=run_id)

    assert (refusal.value.code(), refusal.value.details()) == (grpc.StatusCode.NOT_FOUND, "Run not found")


async def test_a_reader_that_waits_is_let_go_when_the_instance_is_deleted(bots: Bots) -> None:
    instance = await bots.create()
    reader = Reader()
    following = asyncio.create_task(reader.follow(bots, instance.id))
    await asyncio.sleep(0.05)

    await bots.instances.DeleteBotInstance(bot_instance_service_pb2.DeleteBotInstanceRequest(id=instance.id))

    await following
    assert reader.end is None


async def test_connecting_changes_nothing_on_disk(bots: Bots) -> None:
    instance = await bots.create()
    before = sorted(str(path) for path in bots.folder(instance).rglob("*"))
    following = asyncio.create_task(Reader().follow(bots, instance.id))
    await asyncio.sleep(0.05)

    assert sorted(str(path) for path in bots.folder(instance).rglob("*")) == before
    following.cancel()


async def test_all_readers_of_a_batch_share_one_message(bots: Bots) -> None:
    instance = await bots.create()
    run_id = await bots.start(instance.id)
    task = await bots.claim("run_bot")
    seen: list[list[pb.WatchLogsResponse]] = []

    async def follow() -> None:
        mine = [log_view.batch(batch) async for batch in bots.hub.follow(run_id, 0)]
        seen.append(mine)

    readers = [asyncio.create_task(follow()) for _ in range(10)]
    await asyncio.sleep(0.02)
    await bots.log(task, 1, "one", "two")
    await bots.succeed(task)
    await asyncio.gather(*readers)

    assert len({id(response) for mine in seen for response in mine}) == len(seen[0])
