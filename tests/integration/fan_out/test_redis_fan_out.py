"""Messages between servers, over a real Valkey that is killed, frozen and lied to."""

import asyncio
import os

import pytest
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from server.fan_out import Parts
from server.fan_out.redis_fan_out import CALL_SECONDS, WAITING_BYTES, RedisFanOut
from tests.integration.fan_out.joined import TOPIC, joined, met, two_joined, until
from tests.valkey import Valkey

NUMBERS = [str(number) for number in range(2000)]


async def test_messages_reach_every_other_server_in_order_and_nobody_hears_himself(shared_valkey: Valkey) -> None:
    key = os.urandom(32)
    async with joined(shared_valkey.url, key) as one, joined(shared_valkey.url, key) as two:
        await met(one, two)
        async with joined(shared_valkey.url, key) as three:
            await met(one, three)
            two.heard.clear()
            for number in NUMBERS:
                one.tell(number)
                await asyncio.sleep(0)
            await until(lambda: len(two.heard) >= len(NUMBERS) <= len(three.heard))

            assert (two.texts, three.texts) == (NUMBERS, NUMBERS)
            assert one.texts == []


async def test_equal_messages_that_wait_are_sent_once(shared_valkey: Valkey) -> None:
    async with two_joined(shared_valkey.url) as (one, other):
        one.tell("a", "b", "a", "a", "c")
        await until(lambda: "c" in other.texts)

        assert other.texts == ["a", "b", "c"]


async def test_a_message_has_parts_and_may_be_large(shared_valkey: Valkey) -> None:
    large = os.urandom(5_000_000)
    async with two_joined(shared_valkey.url) as (one, other):
        one.fan_out.tell(TOPIC, b"", large, b"\x00")
        await until(lambda: bool(other.heard))

        assert other.heard == [(b"", large, b"\x00")]


async def test_a_server_finds_that_it_is_alone_until_another_one_comes(shared_valkey: Valkey) -> None:
    key = os.urandom(32)
    async with joined(shared_valkey.url, key) as one:
        await until(lambda: one.fan_out.alone)
        async with joined(shared_valkey.url, key) as other:
            await until(lambda: not one.fan_out.alone)
            one.tell("welcome")
            await until(lambda: "welcome" in other.texts)
        await until(lambda: one.fan_out.alone)


async def test_who_comes_is_told_that_what_a_lone_server_did_is_missing(shared_valkey: Valkey) -> None:
    key = os.urandom(32)
    async with joined(shared_valkey.url, key) as one:
        await until(lambda: one.fan_out.alone)
        one.tell("into the void")
        async with joined(shared_valkey.url, key) as other:
            await until(lambda: other.gaps > 0)

            assert (other.texts, one.gaps) == ([], 0)


async def test_a_killed_redis_is_told_once_and_what_was_missed_is_told_when_it_is_back(valkey: Valkey) -> None:
    async with two_joined(valkey.url) as (one, other):
        with structlog.testing.capture_logs() as logs:
            valkey.kill()
            await until(lambda: one.fan_out.deaf and other.fan_out.deaf)
            one.tell("lost")
            await asyncio.sleep(0.6)  # Some tries more, none of which is told.
            gaps_while_away = (one.gaps, other.gaps)
            valkey.start()
            await met(one, other)
            one.tell("heard again")
            await until(lambda: bool(other.heard))

        assert gaps_while_away == (1, 1)
        assert other.texts == ["heard again"]
        events = [entry["event"] for entry in logs]
        assert sum("other servers are not heard" in event for event in events) == 2
        assert sum("other servers are heard again" in event for event in events) == 2


async def test_both_learn_of_a_gap_when_redis_is_back(valkey: Valkey) -> None:
    async with two_joined(valkey.url) as (one, other):
        valkey.kill()
        await until(lambda: one.gaps == other.gaps == 1)
        valkey.start()
        await until(lambda: one.gaps > 1 and other.gaps > 1)


async def test_messages_before_and_after_a_kill_keep_their_order_and_come_once(valkey: Valkey) -> None:
    async with two_joined(valkey.url) as (one, other):
        for number in range(3000):
            one.tell(str(number))
            if number == 1000:
                valkey.kill()
            if number == 2000:
                await until(lambda: one.fan_out.deaf)
                valkey.start()
                await until(lambda: not one.fan_out.alone and not other.fan_out.deaf)
            await asyncio.sleep(0)
        one.tell("end")
        await until(lambda: "end" in other.texts)

        numbers = [int(text) for text in other.texts[:-1]]
        assert numbers == sorted(set(numbers))
        assert other.gaps >= 2


async def test_a_redis_that_hangs_counts_as_away_within_seconds(valkey: Valkey) -> None:
    async with two_joined(valkey.url) as (one, _):
        valkey.freeze()
        one.tell("does not get through")
        async with asyncio.timeout(CALL_SECONDS + 5):
            await until(lambda: one.fan_out.deaf)
        valkey.thaw()
        await until(lambda: not one.fan_out.deaf)


async def test_what_does_not_fit_is_left_out_and_told(shared_valkey: Valkey) -> None:
    async with two_joined(shared_valkey.url) as (one, other):
        one.fan_out.tell(TOPIC, bytes(WAITING_BYTES))
        one.tell("small")
        await until(lambda: bool(other.heard))

        assert (other.texts, other.gaps) == (["small"], 1)


async def test_installations_that_share_a_redis_do_not_meet(shared_valkey: Valkey) -> None:
    async with joined(shared_valkey.url, b"1" * 32) as one, joined(shared_valkey.url, b"2" * 32) as other:
        await until(lambda: one.fan_out.alone and other.fan_out.alone)


async def test_who_can_write_to_redis_can_say_nothing(shared_valkey: Valkey) -> None:
    async with two_joined(shared_valkey.url) as (one, other), Redis.from_url(shared_valkey.url) as attacker:
        listening = attacker.pubsub()
        await listening.subscribe(one.fan_out._channel)
        one.tell("true")
        await until(lambda: bool(other.heard))
        recorded = [await _next_message(listening), await _next_message(listening)]
        for lie in (b"", b"lie", bytes(100), *recorded):
            await attacker.publish(one.fan_out._channel, lie)
        one.tell("true as well")
        await until(lambda: len(other.heard) > 1)
        await listening.aclose()

        assert other.texts == ["true", "true as well"]
        assert all(b"true" not in data for data in recorded)


def misunderstand(parts: Parts) -> None:
    raise IndexError(parts[7])


async def test_a_message_that_is_not_understood_stops_nothing(shared_valkey: Valkey) -> None:
    async with two_joined(shared_valkey.url) as (one, other):
        other.fan_out.hear("odd", misunderstand, missed=lambda: None)
        with structlog.testing.capture_logs() as logs:
            one.fan_out.tell("odd", b"of another version")
            one.fan_out.tell("unheard of", b"of another version")
            one.tell("understood")
            await until(lambda: bool(other.heard))

        assert other.texts == ["understood"]
        assert [entry["topic"] for entry in logs] == ["odd"]


@pytest.mark.parametrize("url", ["http://a", "memory://", "redis://["])
def test_an_address_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        RedisFanOut(url, bytes(32))


async def _next_message(listening: PubSub) -> bytes:
    async for message in listening.listen():
        if message["type"] == "message":
            data: bytes = message["data"]
            return data
    raise AssertionError("nothing was sent")
