"""Logins: tokens go with each call, are replaced in time, once, and their end is told."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from switchyard_client import AsyncClient, Client, Tokens, errors
from tests.integration.client.conftest import PASSWORD, SIGNING_KEY

ADMIN = "admin"


def due(tokens: Tokens) -> Tokens:
    """Return the tokens as ones that are to be replaced at the next call."""
    return Tokens(tokens.access_token, tokens.refresh_token)


def expired(tokens: Tokens) -> Tokens:
    """Return the tokens with an access token that has expired although nobody here knows."""
    claims = jwt.decode(tokens.access_token, SIGNING_KEY, algorithms=["HS256"])
    claims["exp"] = int(time.time()) - 60
    return Tokens(jwt.encode(claims, SIGNING_KEY, algorithm="HS256"), tokens.refresh_token, float("inf"))


def test_calls_carry_the_tokens_of_the_login(client: Client) -> None:
    tokens = client.login(ADMIN, PASSWORD)

    assert client.auth.get_me().user_id == ADMIN
    assert client.tokens is tokens
    assert tokens.refresh_time > time.time()
    assert tokens.access_token not in repr(tokens)
    assert tokens.refresh_token not in repr(tokens)


def test_a_wrong_password_is_the_exception_of_its_reason(client: Client) -> None:
    with pytest.raises(errors.CredentialInvalid, match="Invalid username or password"):
        client.login(ADMIN, "wrong")

    assert client.tokens is None


async def test_a_login_goes_on_with_the_tokens_of_another_client(address: str, aclient: AsyncClient) -> None:
    tokens = await aclient.login(ADMIN, PASSWORD)

    async with AsyncClient(address, tokens=tokens) as later:
        assert (await later.auth.get_me()).user_id == ADMIN


async def test_however_many_calls_wait_the_token_is_refreshed_once(address: str, aclient: AsyncClient) -> None:
    tokens = due(await aclient.login(ADMIN, PASSWORD))

    # A second refresh with the same token would end the session.
    async with AsyncClient(address, tokens=tokens) as later:
        callers = await asyncio.gather(*(later.auth.get_me() for _ in range(20)))
        again = await later.auth.get_me()

    assert {caller.user_id for caller in [*callers, again]} == {ADMIN}
    assert later.tokens is not None
    assert later.tokens.refresh_token != tokens.refresh_token


def test_however_many_threads_wait_the_token_is_refreshed_once(address: str, client: Client) -> None:
    tokens = due(client.login(ADMIN, PASSWORD))

    with Client(address, tokens=tokens) as later, ThreadPoolExecutor(8) as threads:
        callers = list(threads.map(lambda _: later.auth.get_me().user_id, range(20)))

        assert set(callers) == {ADMIN}
        assert later.auth.get_me().user_id == ADMIN


async def test_a_call_that_is_given_up_leaves_the_refresh_to_the_others(address: str, aclient: AsyncClient) -> None:
    tokens = due(await aclient.login(ADMIN, PASSWORD))

    async with AsyncClient(address, tokens=tokens) as later:
        given_up = asyncio.ensure_future(later.auth.get_me())
        waiting = asyncio.ensure_future(later.auth.get_me())
        await asyncio.sleep(0)
        given_up.cancel()

        assert (await waiting).user_id == ADMIN
    with pytest.raises(asyncio.CancelledError):
        await given_up


async def test_a_token_that_expired_unseen_is_replaced_and_the_call_made_again(
    address: str, aclient: AsyncClient
) -> None:
    tokens = expired(await aclient.login(ADMIN, PASSWORD))

    async with AsyncClient(address, tokens=tokens) as later:
        assert {(await call).user_id for call in [later.auth.get_me() for _ in range(5)]} == {ADMIN}
        bots = [bot async for bot in later.bots.list(owner_id="nobody-has-this")]

    assert bots == []


def test_a_token_that_expired_unseen_is_replaced_before_a_stream_opens(address: str, client: Client) -> None:
    tokens = expired(client.login(ADMIN, PASSWORD))

    with Client(address, tokens=tokens) as later:
        bot = later.bots.create(owner_type="user", owner_id="streams", bot_code="noop")
        run_id = later.bots.start(bot.id).run_id
        later._connection.use(expired(later.tokens or tokens))

        assert next(later.bots.logs(bot.id, run_id=run_id)).seq == 1


async def test_a_session_that_was_ended_says_so_until_the_next_login(address: str, aclient: AsyncClient) -> None:
    tokens = due(await aclient.login(ADMIN, PASSWORD))
    await aclient.logout()

    async with AsyncClient(address, tokens=tokens) as later:
        for _ in range(2):
            with pytest.raises(errors.LoginEnded):
                await later.auth.get_me()
        await later.login(ADMIN, PASSWORD)

        assert (await later.auth.get_me()).user_id == ADMIN


def test_a_refresh_token_that_was_used_before_ends_the_login(address: str, client: Client) -> None:
    tokens = due(client.login(ADMIN, PASSWORD))
    with Client(address, tokens=tokens) as thief:
        thief.auth.get_me()

    with Client(address, tokens=tokens) as later:
        for _ in range(2):
            with pytest.raises(errors.LoginEnded) as end:
                later.auth.get_me()

    assert isinstance(end.value, errors.CredentialInvalid)


def test_after_logout_calls_carry_what_the_client_was_made_with(client: Client) -> None:
    client.login(ADMIN, PASSWORD)
    client.logout()

    assert client.tokens is None
    with pytest.raises(errors.CredentialMissing):
        client.auth.get_me()
