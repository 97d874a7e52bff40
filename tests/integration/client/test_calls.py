"""Both clients against a running system: the same calls give the same."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from switchyard_client import AsyncClient, Client, errors, word
from tests.integration.client.conftest import PASSWORD

OWNER = "dev-user-123"
NOOP = ["info line 1 of 3", "info line 2 of 3", "info line 3 of 3"]


def test_a_run_is_started_followed_and_waited_for(client: Client) -> None:
    bot = client.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    run_id = client.bots.start(bot.id).run_id

    logs = client.bots.logs(bot.id, run_id=run_id)
    lines = [f"{word(line, 'level')} {line.message}" for line in logs]

    assert [line for line in lines if line in NOOP] == NOOP
    assert logs.end is not None
    assert (logs.end.run_id, word(logs.end, "status")) == (run_id, "success")
    assert word(client.bots.wait(bot.id, run_id), "status") == "success"


async def test_a_run_is_started_followed_and_waited_for_by_asyncio(aclient: AsyncClient) -> None:
    bot = await aclient.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    run_id = (await aclient.bots.start(bot.id)).run_id

    logs = aclient.bots.logs(bot.id, run_id=run_id)
    lines = [f"{word(line, 'level')} {line.message}" async for line in logs]

    assert [line for line in lines if line in NOOP] == NOOP
    assert logs.end is not None
    assert (logs.end.run_id, word(logs.end, "status")) == (run_id, "success")
    assert word(await aclient.bots.wait(bot.id, run_id), "status") == "success"


def test_a_log_that_was_left_goes_on_behind_the_last_line(client: Client) -> None:
    bot = client.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    run_id = client.bots.start(bot.id).run_id
    whole = [line.seq for line in client.bots.logs(bot.id, run_id=run_id)]

    with client.bots.logs(bot.id, run_id=run_id) as first:
        head = [next(first).seq for _ in range(2)]
    tail = [line.seq for line in client.bots.logs(bot.id, run_id=run_id, after=first.cursor)]

    assert head + tail == whole


async def test_a_log_of_pages_is_the_log_that_was_streamed(aclient: AsyncClient) -> None:
    bot = await aclient.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    run_id = (await aclient.bots.start(bot.id)).run_id
    streamed = [line.message async for line in aclient.bots.logs(bot.id, run_id=run_id)]

    paged = [line.message async for line in aclient.bots.list_run_logs(bot.id, run_id, limit=2)]

    assert paged == streamed


@pytest.mark.parametrize("size", [1, 2, 100])
def test_numbered_pages_give_each_item_once(client: Client, size: int) -> None:
    owner = f"pages-{size}"
    made = {client.bots.create(owner_type="user", owner_id=owner, bot_code="noop").id for _ in range(3)}

    listed = [bot.id for bot in client.bots.list(owner_id=owner, per_page=size)]

    assert sorted(listed) == sorted(made)


def test_lists_by_the_oldest_give_each_item_once(client: Client) -> None:
    bot = client.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    made = []
    for _ in range(3):
        made.append(client.bots.start(bot.id).run_id)
        client.bots.wait(bot.id, made[-1])

    listed = [run.id for run in client.bots.list_runs(bot.id, limit=2)]

    assert listed == made[::-1]


def test_lists_with_a_cursor_give_each_item_once(client: Client) -> None:
    client.login("admin", PASSWORD)
    client.sessions.register(session_id="cursors", profile_id="profile")
    for number in range(3):
        client.events.log(session_id="cursors", event_type="click", details={"number": number})
    more = [{"session_id": "cursors", "event_type": "click", "details": f'{{"number": {number}}}'} for number in (3, 4)]
    client.events.log_many(events=more)

    events = client.events.list(session_id="cursors", event_type="click", per_page=2)
    listed = [json.loads(event.details)["number"] for event in events]

    assert sorted(listed) == list(range(5))


def test_lists_with_a_token_give_each_item_once(client: Client) -> None:
    client.login("admin", PASSWORD)
    names = {
        client.users.create(username=f"user-{number}", password="long enough", roles=["viewer"]).username
        for number in range(3)
    }

    listed = [user.username for user in client.users.list(page_size=1)]

    assert len(listed) == len(set(listed))
    assert names <= set(listed)


async def test_a_file_goes_up_in_pieces_and_comes_down_in_pieces(aclient: AsyncClient, tmp_path: Path) -> None:
    bot = await aclient.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(range(256)) * 4096)

    stored = await aclient.bots.upload_media(bot.id, "film.mp4", film)
    config = await aclient.bots.get_config(bot.id)

    assert stored.size_bytes == film.stat().st_size
    assert b"timezone" in config.data
    run_id = (await aclient.bots.start(bot.id)).run_id
    await aclient.bots.wait(bot.id, run_id)
    assert b"line 1 of 3" in await aclient.bots.download_run_log(bot.id, run_id).read()


def test_a_refusal_is_the_exception_of_its_reason(client: Client) -> None:
    with pytest.raises(errors.NotFound) as refusal:
        client.bots.get("00000000-0000-0000-0000-000000000000")

    assert refusal.value.reason == "ERROR_REASON_NOT_FOUND"
    assert refusal.value.code.name == "NOT_FOUND"


async def test_a_refused_field_is_named(aclient: AsyncClient) -> None:
    with pytest.raises(errors.InvalidArgument) as refusal:
        await aclient.bots.create(owner_type="user", owner_id="-", bot_code="noop")

    assert [violation.field for violation in refusal.value.violations] == ["owner_id"]


def test_an_idempotency_key_of_ones_own_gives_the_first_answer_again(client: Client) -> None:
    first = client.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop", request_id="mine")
    again = client.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop", request_id="mine")

    assert again.id == first.id
    with pytest.raises(errors.IdempotencyConflict):
        client.bots.create(owner_type="user", owner_id="other", bot_code="noop", request_id="mine")


def test_a_word_that_is_none_is_refused_before_the_call(client: Client) -> None:
    with pytest.raises(ValueError, match="nobody"):
        client.bots.create(owner_type="nobody", owner_id=OWNER, bot_code="noop")  # type: ignore[arg-type]


def test_a_call_after_close_says_so(address: str) -> None:
    client = Client(address)
    bots = client.bots
    bots.list().first()
    client.close()

    with pytest.raises(errors.ClientClosed):
        bots.get("x")
    with pytest.raises(errors.ClientClosed):
        next(iter(bots.logs("x")))
    with pytest.raises(errors.ClientClosed):
        client.tasks.get("x")


async def test_a_call_after_close_says_so_in_asyncio(address: str) -> None:
    aclient = AsyncClient(address)
    bots = aclient.bots
    await bots.list().first()
    await aclient.close()

    with pytest.raises(errors.ClientClosed):
        await bots.get("x")
    with pytest.raises(errors.ClientClosed):
        await bots.logs("x").__anext__()
    with pytest.raises(errors.ClientClosed):
        await aclient.tasks.get("x")


async def test_a_stream_that_waits_when_its_client_is_closed_says_so(address: str) -> None:
    aclient = AsyncClient(address)
    bot = await aclient.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    first = aclient.bots.watch_logs(bot.id)
    await first.__anext__()
    waiting = asyncio.ensure_future(first.__anext__())
    await asyncio.sleep(0)

    await aclient.close()

    with pytest.raises(errors.ClientClosed):
        await waiting


def test_a_stream_that_waits_in_another_thread_ends_when_its_client_is_closed(address: str) -> None:
    client = Client(address)
    bot = client.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    stream = client.bots.watch_logs(bot.id)
    next(stream)
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            next(stream)
        except Exception as error:  # noqa: BLE001 -- whichever it is, the test looks at it
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    client.close()
    waiting.join(30)

    assert [type(error) for error in raised] == [errors.ClientClosed]


async def test_a_log_that_nobody_waited_for_goes_on_where_it_was(aclient: AsyncClient) -> None:
    bot = await aclient.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")
    logs = aclient.bots.logs(bot.id)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(logs.__anext__(), 0.2)

    await aclient.bots.start(bot.id)

    assert [line.seq async for line in logs][:3] == [1, 2, 3]


def test_a_stream_that_failed_does_not_begin_anew(client: Client) -> None:
    stream = client.bots.watch_logs("00000000-0000-0000-0000-000000000000")
    with pytest.raises(errors.NotFound):
        next(stream)

    assert list(stream) == []


def test_a_deadline_ends_a_wait(client: Client) -> None:
    bot = client.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")

    with pytest.raises(errors.DeadlineExceeded):
        list(client.bots.logs(bot.id, timeout=0.2))


async def test_a_deadline_ends_a_wait_in_asyncio(aclient: AsyncClient) -> None:
    bot = await aclient.bots.create(owner_type="user", owner_id=OWNER, bot_code="noop")

    with pytest.raises(errors.DeadlineExceeded):
        [line async for line in aclient.bots.logs(bot.id, timeout=0.2)]


def test_a_wrong_api_key_is_refused_and_shown_nowhere(address: str) -> None:
    with Client(address, api_key="wrong-secret") as client, pytest.raises(errors.CredentialInvalid) as refusal:
        client.users.list().first()

    assert "wrong-secret" not in repr(client) + repr(client._connection.settings) + str(refusal.value)
