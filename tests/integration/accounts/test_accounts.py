"""Users and sessions through a real server over each database."""

import asyncio
from typing import Any, Final, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from server.accounts.first_admin import ensure_admin
from server.accounts.passwords import Passwords
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1.auth_service_pb2 import ChangePasswordRequest, GetMeRequest, LogoutRequest, RefreshRequest
from switchyard.auth.v1.user_service_pb2 import (
    CreateUserRequest,
    DeleteUserRequest,
    ListUsersRequest,
    UpdateUserRequest,
)
from tests.integration.accounts.serving import API_KEY, PASSWORD, SECOND, Site, bearer, refused

UNAUTHENTICATED: Final = grpc.StatusCode.UNAUTHENTICATED
WRONG: Final = (UNAUTHENTICATED, "Invalid username or password")
INVALID: Final = (UNAUTHENTICATED, "Invalid authentication token")


async def test_the_first_admin_logs_in(site: Site) -> None:
    tokens = await site.login("admin")

    me = await site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))
    assert (tokens.token_type, tokens.expires_in) == ("bearer", 3600)
    assert (me.user_id, list(me.roles), me.HasField("tenant_id"), me.dev_mode) == ("admin", [4, 3, 2, 1], False, False)


@pytest.mark.parametrize(("username", "password"), [("admin", "wrong"), ("nobody", PASSWORD), ("\x00", "\x00")])
async def test_a_wrong_name_and_a_wrong_password_look_the_same(site: Site, username: str, password: str) -> None:
    assert await refused(site.login(username, password)) == WRONG


async def test_the_sixth_wrong_password_has_to_wait(site: Site) -> None:
    # All at once, as a program that guesses would.
    first = await asyncio.gather(*(refused(site.login("admin", "wrong")) for _ in range(5)))

    with pytest.raises(grpc.aio.AioRpcError) as sixth:
        await site.login("admin")

    status = rpc_status.from_call(cast("grpc.Call", sixth.value))
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert first == [WRONG] * 5
    assert (info.reason, info.metadata["retry_after"]) == ("ERROR_REASON_TOO_MANY_ATTEMPTS", "300")


async def test_five_minutes_later_a_login_is_allowed_again(site: Site) -> None:
    for _ in range(5):
        await refused(site.login("admin", "wrong"))
    site.watch.now += 300 * SECOND

    assert (await site.login("admin")).access_token


async def test_a_refresh_gives_new_tokens_with_the_same_roles(site: Site) -> None:
    tokens = await site.login("admin")

    fresh = await site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))

    me = await site.auth.GetMe(GetMeRequest(), metadata=bearer(fresh))
    assert fresh.refresh_token != tokens.refresh_token
    assert me.roles[0] == access_pb2.ROLE_ADMIN


async def test_a_refresh_token_used_twice_ends_its_family(site: Site) -> None:
    tokens = await site.login("admin")
    fresh = await site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))

    assert await refused(site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))) == INVALID

    assert await refused(site.auth.Refresh(RefreshRequest(refresh_token=fresh.refresh_token))) == INVALID
    assert await refused(site.auth.GetMe(GetMeRequest(), metadata=bearer(fresh))) == INVALID


async def test_a_refresh_token_expires(site: Site) -> None:
    tokens = await site.login("admin")
    site.watch.now += 7 * 86_400 * SECOND

    refusal = await refused(site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token)))

    assert refusal == (UNAUTHENTICATED, "Token has expired")


async def test_logging_out_ends_both_tokens_and_no_other_session(site: Site) -> None:
    tokens, other = await site.login("admin"), await site.login("admin")

    answer = await site.auth.Logout(LogoutRequest(), metadata=bearer(tokens))

    assert answer.message == "Successfully logged out"
    assert await refused(site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))) == INVALID
    assert await refused(site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))) == INVALID
    assert await site.auth.GetMe(GetMeRequest(), metadata=bearer(other))


async def test_an_api_key_has_no_session_to_end(site: Site) -> None:
    code, _ = await refused(site.auth.Logout(LogoutRequest(), metadata=API_KEY))

    assert code == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "change",
    [
        UpdateUserRequest(username="ann", password="another password"),
        UpdateUserRequest(username="ann", roles=[access_pb2.ROLE_VIEWER]),
        UpdateUserRequest(username="ann", tenant_id="acme"),
        DeleteUserRequest(username="ann"),
    ],
)
async def test_whoever_is_changed_has_to_log_in_again(site: Site, change: Any) -> None:
    await site.create("ann", access_pb2.ROLE_OPERATOR)
    tokens = await site.login("ann")
    call = site.users.DeleteUser if isinstance(change, DeleteUserRequest) else site.users.UpdateUser

    await call(change, metadata=API_KEY)

    assert await refused(site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))) == INVALID
    assert await refused(site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))) == INVALID


async def test_a_change_that_changes_nothing_ends_no_session(site: Site) -> None:
    await site.create("ann", access_pb2.ROLE_OPERATOR)
    tokens = await site.login("ann")

    await site.users.UpdateUser(UpdateUserRequest(username="ann", roles=[access_pb2.ROLE_OPERATOR]), metadata=API_KEY)

    assert await site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))


async def test_a_new_password_replaces_the_old_one(site: Site) -> None:
    await site.create("ann", access_pb2.ROLE_OPERATOR)

    await site.users.UpdateUser(UpdateUserRequest(username="ann", password="another password"), metadata=API_KEY)

    assert await refused(site.login("ann")) == WRONG
    assert (await site.login("ann", "another password")).access_token


async def test_a_name_is_given_once(site: Site) -> None:
    await site.create("ann", access_pb2.ROLE_VIEWER)

    code, _ = await refused(site.create("ann", access_pb2.ROLE_ADMIN))

    assert code == grpc.StatusCode.ALREADY_EXISTS


async def test_the_last_admin_can_neither_go_nor_step_down(site: Site) -> None:
    gone = refused(site.users.DeleteUser(DeleteUserRequest(username="admin"), metadata=API_KEY))
    lower = UpdateUserRequest(username="admin", roles=[access_pb2.ROLE_VIEWER])
    bound = UpdateUserRequest(username="admin", tenant_id="acme")

    expected = (grpc.StatusCode.FAILED_PRECONDITION, "admin is the last admin")
    assert await gone == expected
    assert await refused(site.users.UpdateUser(lower, metadata=API_KEY)) == expected
    assert await refused(site.users.UpdateUser(bound, metadata=API_KEY)) == expected


async def test_one_of_two_admins_can_go(site: Site) -> None:
    await site.create("second", access_pb2.ROLE_ADMIN)

    await site.users.DeleteUser(DeleteUserRequest(username="admin"), metadata=API_KEY)

    assert await refused(site.login("admin")) == WRONG


async def test_users_are_listed_by_name_page_after_page(site: Site) -> None:
    for name in ("cid", "ann", "bob"):
        await site.create(name, access_pb2.ROLE_VIEWER)

    first = await site.users.ListUsers(ListUsersRequest(page_size=3), metadata=API_KEY)
    rest = await site.users.ListUsers(ListUsersRequest(page_size=3, page_token=first.next_page_token), metadata=API_KEY)

    assert [user.username for user in first.users] == ["admin", "ann", "bob"]
    assert [user.username for user in rest.users] == ["cid"]
    assert rest.next_page_token == ""


async def test_an_admin_of_one_tenant_knows_no_other(site: Site) -> None:
    await site.create("boss", access_pb2.ROLE_ADMIN, tenant_id="acme")
    await site.create("far", access_pb2.ROLE_VIEWER, tenant_id="other")
    boss = bearer(await site.login("boss"))

    listed = await site.users.ListUsers(ListUsersRequest(), metadata=boss)
    made = await site.users.CreateUser(
        CreateUserRequest(username="new", password=PASSWORD, roles=[access_pb2.ROLE_VIEWER]), metadata=boss
    )

    assert [user.username for user in listed.users] == ["boss"]
    assert made.user.tenant_id == "acme"
    code, _ = await refused(site.users.DeleteUser(DeleteUserRequest(username="far"), metadata=boss))
    assert code == grpc.StatusCode.NOT_FOUND
    code, _ = await refused(site.users.UpdateUser(UpdateUserRequest(username="boss", tenant_id=""), metadata=boss))
    assert code == grpc.StatusCode.PERMISSION_DENIED


async def test_a_login_names_the_users_own_tenant_or_none(site: Site) -> None:
    await site.create("ann", access_pb2.ROLE_VIEWER, tenant_id="acme")

    tokens = await site.login("ann", tenant_id="acme")

    me = await site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))
    assert me.tenant_id == "acme"
    assert await refused(site.login("ann", tenant_id="other")) == WRONG


async def test_whoever_sees_all_may_log_in_to_one_tenant(site: Site) -> None:
    tokens = await site.login("admin", tenant_id="acme")

    me = await site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))
    assert me.tenant_id == "acme"


async def test_a_password_given_by_the_operator_counts_from_this_start_on(site: Site) -> None:
    tokens = await site.login("admin")

    await site.start_again("given from outside", given=True)

    assert await refused(site.login("admin")) == WRONG
    assert await refused(site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))) == INVALID
    assert (await site.login("admin", "given from outside")).access_token


async def test_the_same_given_password_ends_no_session(site: Site) -> None:
    await site.start_again("given from outside", given=True)
    tokens = await site.login("admin", "given from outside")

    await site.start_again("given from outside", given=True)

    assert await site.auth.GetMe(GetMeRequest(), metadata=bearer(tokens))


async def test_a_generated_password_never_replaces_one(site: Site) -> None:
    await site.start_again("generated anew", given=False)

    assert (await site.login("admin")).access_token


class Together(Passwords):
    """Nobody goes on with a hash before everybody has one."""

    def __init__(self, parties: int) -> None:
        super().__init__()
        self._barrier = asyncio.Barrier(parties)

    async def hash(self, password: str) -> str:
        hashed = await super().hash(password)
        await self._barrier.wait()
        return hashed


async def test_servers_that_start_at_once_make_one_admin(site: Site) -> None:
    passwords, password = Together(5), "given from outside"

    await asyncio.gather(
        *(
            ensure_admin(site.database, passwords, username="first", password=password, given=True, clock=site.watch)
            for _ in range(5)
        )
    )

    assert (await site.login("first", password)).access_token


async def test_a_user_is_created_once_however_often_the_call_is_repeated(site: Site) -> None:
    request = CreateUserRequest(username="ann", password=PASSWORD, roles=[access_pb2.ROLE_VIEWER], request_id="key")
    created = await site.users.CreateUser(request, metadata=API_KEY)

    repeated = await site.users.CreateUser(request, metadata=API_KEY)

    assert repeated == created
    for other in (CreateUserRequest(password="another horse"), CreateUserRequest(username="bob")):
        changed = CreateUserRequest()
        changed.CopyFrom(request)
        changed.MergeFrom(other)
        with pytest.raises(grpc.aio.AioRpcError, match="Idempotency-Key was used"):
            await site.users.CreateUser(changed, metadata=API_KEY)


async def change(site: Site, tokens: Any, present: str, new: str) -> Any:
    request = ChangePasswordRequest(current_password=present, new_password=new)
    return await site.auth.ChangePassword(request, metadata=bearer(tokens))


async def test_changing_the_password_ends_every_other_session(site: Site) -> None:
    await site.create("ann", access_pb2.ROLE_VIEWER)
    own, other = await site.login("ann"), await site.login("ann")

    answer = await change(site, own, PASSWORD, "another password")

    assert answer.message == "Password changed"
    assert await site.auth.GetMe(GetMeRequest(), metadata=bearer(own))
    assert await site.auth.Refresh(RefreshRequest(refresh_token=own.refresh_token))
    assert await refused(site.auth.GetMe(GetMeRequest(), metadata=bearer(other))) == INVALID
    assert await refused(site.login("ann")) == WRONG
    assert (await site.login("ann", "another password")).access_token


async def test_the_present_password_has_to_be_right(site: Site) -> None:
    tokens = await site.login("admin")

    assert await refused(change(site, tokens, "wrong", "another password")) == WRONG

    assert (await site.login("admin")).access_token


async def test_guesses_at_the_present_password_count_with_those_at_the_login(site: Site) -> None:
    tokens = await site.login("admin")
    for guess in (site.login("admin", "wrong"), *(change(site, tokens, "wrong", "another password") for _ in "1234")):
        assert await refused(guess) == WRONG

    changed, _ = await refused(change(site, tokens, PASSWORD, "another password"))
    logged_in, _ = await refused(site.login("admin"))

    assert changed == logged_in == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("new", [PASSWORD, "short", "x" * 1025])
async def test_a_new_password_is_new_and_of_a_fair_length(site: Site, new: str) -> None:
    tokens = await site.login("admin")

    code, sentence = await refused(change(site, tokens, PASSWORD, new))

    assert (code, sentence.partition(" ")[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "new_password")


async def test_only_who_has_logged_in_has_a_password_to_change(site: Site) -> None:
    request = ChangePasswordRequest(current_password=PASSWORD, new_password="another password")

    code, _ = await refused(site.auth.ChangePassword(request, metadata=API_KEY))

    assert code == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("username", ["api-key", "local", "Anonymous", "worker"])
async def test_no_user_is_called_like_those_who_are_none(site: Site, username: str) -> None:
    code, _ = await refused(site.create(username, access_pb2.ROLE_VIEWER))

    assert code == grpc.StatusCode.INVALID_ARGUMENT
