"""API tokens: what they may do, and when they end."""

import asyncio
from typing import Any, Final

import grpc
import pytest
import sqlalchemy as sa

from server.accounts.api_tokens.known_tokens import digest_of
from server.accounts.tables import API_TOKENS
from server.rpc.tables import IDEMPOTENCY_KEYS
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1.api_token_service_pb2 import (
    CreateApiTokenRequest,
    ListApiTokensRequest,
    RevokeApiTokenRequest,
)
from switchyard.auth.v1.auth_service_pb2 import GetMeRequest
from switchyard.auth.v1.user_service_pb2 import (
    CreateUserRequest,
    DeleteUserRequest,
    ListUsersRequest,
    UpdateUserRequest,
)
from tests.integration.accounts.serving import API_KEY, PASSWORD, SECOND, Site, bearer, refused, secret_of

DAY: Final = 86_400 * SECOND
MINUTE: Final = 60 * SECOND
VIEWER: Final = access_pb2.ROLE_VIEWER
DEVELOPER: Final = access_pb2.ROLE_DEVELOPER
ADMIN: Final = access_pb2.ROLE_ADMIN
INVALID: Final = (grpc.StatusCode.UNAUTHENTICATED, "Invalid authentication token")
EXPIRED: Final = (grpc.StatusCode.UNAUTHENTICATED, "Token has expired")


async def me(site: Site, made: Any) -> Any:
    return await site.auth.GetMe(GetMeRequest(), metadata=secret_of(made))


async def stored(site: Site, column: sa.Column[Any]) -> list[Any]:
    return await site.database.read(lambda connection: list(connection.execute(sa.select(column)).scalars()))


async def user(site: Site, name: str, *roles: access_pb2.Role.ValueType, **more: str) -> Any:
    """The metadata of a new user who has logged in."""
    await site.create(name, *roles, **more)
    return bearer(await site.login(name))


async def test_a_token_is_good_as_bearer_and_as_key(site: Site) -> None:
    made = await site.token(role=DEVELOPER)

    as_bearer = await me(site, made)
    as_key = await site.auth.GetMe(GetMeRequest(), metadata=(("x-api-key", made.secret),))

    assert as_bearer == as_key
    assert (as_bearer.user_id, as_bearer.roles[0]) == ("token:ci", DEVELOPER)
    assert made.secret.startswith("swy_")
    assert len(made.secret) == 47


async def test_the_secret_is_stored_nowhere(site: Site) -> None:
    made = await site.token(request_id="key")

    assert await stored(site, API_TOKENS.c.digest) == [digest_of(made.secret)]
    [answer] = await stored(site, IDEMPOTENCY_KEYS.c.response)
    assert made.secret.encode() not in answer


async def test_a_token_that_says_nothing_is_a_viewers_for_90_days(site: Site) -> None:
    token = (await site.token()).token

    assert (token.role, token.expires_at.seconds - token.created_at.seconds) == (VIEWER, 90 * 86_400)
    assert list(token.scopes) == []
    assert not token.HasField("tenant_id")


async def test_a_token_expires(site: Site) -> None:
    made, endless = await site.token(expires_in_days=1), await site.token(expires_in_days=0)
    site.watch.now += DAY

    assert await refused(me(site, made)) == EXPIRED
    assert await me(site, endless)


async def test_a_revoked_token_is_refused_at_once(site: Site) -> None:
    made = await site.token()

    await site.tokens.RevokeApiToken(RevokeApiTokenRequest(token_id=made.token.token_id), metadata=API_KEY)

    assert await refused(me(site, made)) == INVALID


@pytest.mark.parametrize(
    ("scopes", "reads", "changes"),
    [
        ([], True, True),
        (["auth"], True, True),
        (["auth:read"], True, False),
        (["orchestrator", "bots:read"], False, False),
    ],
)
async def test_scopes_bound_what_a_token_reaches(site: Site, scopes: list[str], reads: bool, changes: bool) -> None:
    made = await site.token(role=ADMIN, scopes=scopes)
    read = site.users.ListUsers(ListUsersRequest(), metadata=secret_of(made))
    change = site.users.UpdateUser(UpdateUserRequest(username="admin", roles=[ADMIN]), metadata=secret_of(made))

    for call, opened, scope in ((read, reads, "auth:read"), (change, changes, "auth")):
        if opened:
            await call
        else:
            assert await refused(call) == (
                grpc.StatusCode.PERMISSION_DENIED,
                f"Insufficient permissions. Required scope: {scope}",
            )


@pytest.mark.parametrize("scope", ["everything", "auth:write", "", "google", ":read", "auth:read:read", "auth,bots"])
async def test_a_scope_that_is_none_is_refused(site: Site, scope: str) -> None:
    code, sentence = await refused(site.token(scopes=[scope]))

    assert (code, sentence.partition(" ")[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "scopes")


async def test_nobody_makes_a_token_above_himself(site: Site) -> None:
    ann = await user(site, "ann", DEVELOPER, tenant_id="acme")

    for fields in ({"role": ADMIN}, {"tenant_id": "other"}, {"tenant_id": ""}):
        code, _ = await refused(site.token(ann, **fields))
        assert code == grpc.StatusCode.PERMISSION_DENIED

    assert (await site.token(ann, role=DEVELOPER)).token.tenant_id == "acme"


async def test_tokens_make_no_tokens(site: Site) -> None:
    made = await site.token(role=ADMIN)

    code, _ = await refused(site.token(secret_of(made)))

    assert code == grpc.StatusCode.PERMISSION_DENIED


async def test_a_token_shrinks_with_its_maker_and_grows_back_no_further(site: Site) -> None:
    made = await site.token(await user(site, "ann", DEVELOPER), role=DEVELOPER)
    roles = []

    for role in (VIEWER, ADMIN):
        await site.users.UpdateUser(UpdateUserRequest(username="ann", roles=[role]), metadata=API_KEY)
        roles.append((await me(site, made)).roles[0])

    assert roles == [VIEWER, DEVELOPER]


async def test_a_token_is_bound_to_the_tenant_of_its_maker(site: Site) -> None:
    maker = await user(site, "ann", DEVELOPER)
    everywhere, elsewhere = await site.token(maker), await site.token(maker, tenant_id="other")

    await site.users.UpdateUser(UpdateUserRequest(username="ann", tenant_id="acme"), metadata=API_KEY)

    assert (await me(site, everywhere)).tenant_id == "acme"
    assert await refused(me(site, elsewhere)) == INVALID


async def test_a_token_ends_with_its_maker_even_if_another_takes_his_name(site: Site) -> None:
    made = await site.token(await user(site, "ann", DEVELOPER))

    await site.users.DeleteUser(DeleteUserRequest(username="ann"), metadata=API_KEY)
    await site.create("ann", ADMIN)

    assert await refused(me(site, made)) == INVALID


async def test_whoever_was_let_in_for_a_test_leaves_no_token_behind(site: Site) -> None:
    made = await site.token()
    by_dev = sa.update(API_TOKENS).values(created_by="dev")
    await site.database.write(lambda connection: connection.execute(by_dev))

    assert await refused(me(site, made)) == INVALID


async def test_each_sees_and_ends_the_tokens_that_are_his(site: Site) -> None:
    ann, bob = await user(site, "ann", DEVELOPER, tenant_id="acme"), await user(site, "bob", DEVELOPER)
    boss = await user(site, "boss", ADMIN, tenant_id="acme")
    anns, bobs, keys = await site.token(ann), await site.token(bob, role=DEVELOPER), await site.token()

    async def seen(metadata: Any) -> set[str]:
        answer = await site.tokens.ListApiTokens(ListApiTokensRequest(), metadata=metadata)
        return {token.token_id for token in answer.tokens}

    ids = [made.token.token_id for made in (anns, bobs, keys)]
    assert await seen(ann) == {ids[0]}
    assert await seen(bob) == await seen(secret_of(bobs)) == {ids[1]}
    assert await seen(boss) == {ids[0]}
    assert await seen(API_KEY) == set(ids)
    for caller, others in ((ann, ids[1]), (bob, ids[0]), (boss, ids[2]), (secret_of(bobs), ids[2])):
        code, _ = await refused(site.tokens.RevokeApiToken(RevokeApiTokenRequest(token_id=others), metadata=caller))
        assert code == grpc.StatusCode.NOT_FOUND
    await site.tokens.RevokeApiToken(RevokeApiTokenRequest(token_id=ids[0]), metadata=boss)
    assert await refused(me(site, anns)) == INVALID


async def test_a_repeated_request_makes_no_second_token(site: Site) -> None:
    first = await site.token(request_id="key")

    again, sentence = await refused(site.token(request_id="key"))
    other, _ = await refused(site.token(request_id="key", role=DEVELOPER))

    assert (again, other) == (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.ABORTED)
    assert first.token.token_id in sentence
    assert len(await stored(site, API_TOKENS.c.id)) == 1


async def test_tokens_of_one_name_have_request_ids_of_their_own(site: Site) -> None:
    one, other = await site.token(role=ADMIN), await site.token(role=ADMIN)

    for name, made in (("x", one), ("y", other)):
        request = CreateUserRequest(username=name, password=PASSWORD, roles=[VIEWER], request_id="key")
        await site.users.CreateUser(request, metadata=secret_of(made))

    assert (await me(site, one)).user_id == (await me(site, other)).user_id


async def test_tokens_are_listed_the_newest_first_page_after_page(site: Site) -> None:
    made = [(await site.token()).token.token_id for _ in range(3)]

    first = await site.tokens.ListApiTokens(ListApiTokensRequest(page_size=2), metadata=API_KEY)
    rest = await site.tokens.ListApiTokens(
        ListApiTokensRequest(page_size=2, page_token=first.next_page_token), metadata=API_KEY
    )

    assert [token.token_id for page in (first, rest) for token in page.tokens] == made[::-1]
    assert rest.next_page_token == ""


@pytest.mark.parametrize("page_token", ["x", "-1", "0", "٣", "1" * 19])
async def test_a_page_token_of_somebody_else_is_refused(site: Site, page_token: str) -> None:
    code, _ = await refused(site.tokens.ListApiTokens(ListApiTokensRequest(page_token=page_token), metadata=API_KEY))

    assert code == grpc.StatusCode.INVALID_ARGUMENT


async def test_the_last_use_is_told_to_the_minute_without_a_write_per_call(site: Site) -> None:
    made = await site.token()
    site.watch.now += 90 * SECOND
    await asyncio.gather(*(me(site, made) for _ in range(5)))

    before = await stored(site, API_TOKENS.c.use_time)
    await site.built.known_tokens.flush()

    listed = await site.tokens.ListApiTokens(ListApiTokensRequest(), metadata=API_KEY)
    assert before == [None]
    assert listed.tokens[0].last_used_at.seconds == site.watch.now // MINUTE * 60


async def test_a_name_that_is_too_long_or_empty_is_refused(site: Site) -> None:
    for name in ("", "x" * 129):
        code, _ = await refused(site.tokens.CreateApiToken(CreateApiTokenRequest(name=name), metadata=API_KEY))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
