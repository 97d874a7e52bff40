"""The audit log: entries of changes are stored with the changes, those of denials in the background."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

import pytest
import sqlalchemy as sa

from server.accounts.audit import audit_store
from server.accounts.audit.audit_store import Filters
from server.accounts.audit.denials import MOST_KINDS, Denials
from server.accounts.audit.retention import AuditRetention
from server.accounts.tables import AUDIT_ENTRIES, USERS
from server.database.first_change import FIRST_CHANGE, FirstChange, nobodys
from server.rpc.audit import Entry
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1.audit_service_pb2 import AuditEntry, ExportAuditEntriesRequest, ListAuditEntriesRequest
from switchyard.auth.v1.auth_service_pb2 import GetMeRequest, LogoutRequest, RefreshRequest
from switchyard.auth.v1.user_service_pb2 import (
    CreateUserRequest,
    DeleteUserRequest,
    ListUsersRequest,
    UpdateUserRequest,
)
from tests.integration.accounts.serving import API_KEY, PASSWORD, SECOND, Site, bearer, refused, secret_of

DAY: Final = 86_400 * SECOND
DONE: Final = AuditEntry.OUTCOME_DONE
DENIED: Final = AuditEntry.OUTCOME_DENIED
VIEWER: Final = access_pb2.ROLE_VIEWER


def entry_at(time: int, **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "time": time,
        "actor": "ann",
        "role": VIEWER,
        "tenant_id": None,
        "address": "192.0.2.1",
        "action": "bots.v1.RunService/StartRun",
        "resource": "",
        "outcome": DENIED,
        "reason": "Insufficient permissions",
        "request_id": "r",
    }
    return Entry(**{**values, **changes})


async def test_a_change_leaves_who_what_and_about_what(site: Site) -> None:
    call = CreateUserRequest(username="ann", password=PASSWORD, roles=[VIEWER])
    await site.users.CreateUser(call, metadata=(*API_KEY, ("x-request-id", "r-7")))

    [entry] = await site.entries()

    assert (entry.actor, entry.role, entry.HasField("tenant_id")) == ("api-key", access_pb2.ROLE_ADMIN, False)
    assert (entry.action, entry.resource) == ("auth.v1.UserService/CreateUser", "username=ann")
    assert (entry.outcome, entry.reason, entry.count) == (DONE, "", 1)
    assert (entry.address, entry.request_id) == ("127.0.0.1", "r-7")
    assert entry.timestamp.ToMicroseconds() == site.watch.now


async def test_no_secret_of_a_request_gets_into_the_log(site: Site) -> None:
    await site.create("ann", VIEWER)
    tokens = await site.login("ann")
    made = await site.token()
    await site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))
    await refused(site.auth.GetMe(GetMeRequest(), metadata=(("authorization", f"Bearer {made.secret}x"),)))

    log = " ".join(str(entry) for entry in await site.entries())

    for secret in (PASSWORD, tokens.access_token, tokens.refresh_token, made.secret):
        assert secret not in log


async def test_what_only_reads_or_changes_nothing_leaves_no_entry(site: Site) -> None:
    await site.users.ListUsers(ListUsersRequest(), metadata=API_KEY)
    await site.users.UpdateUser(UpdateUserRequest(username="admin", roles=[access_pb2.ROLE_ADMIN]), metadata=API_KEY)
    await refused(site.users.DeleteUser(DeleteUserRequest(username="nobody"), metadata=API_KEY))

    assert await site.entries() == []


async def test_a_repeated_call_leaves_one_entry(site: Site) -> None:
    for _ in range(3):
        await site.create("ann", VIEWER, request_id="key")

    assert len(await site.entries()) == 1


async def test_a_change_that_is_undone_leaves_no_entry(site: Site) -> None:
    await site.create("ann", VIEWER)

    # It forgets what is too old, and then finds that the name is given.
    site.watch.now += 2 * DAY
    await refused(site.create("ann", VIEWER, request_id="key"))

    assert len(await site.entries()) == 1


async def test_people_are_known_by_name_from_their_login_on(site: Site) -> None:
    await site.create("ann", VIEWER, tenant_id="acme")
    tokens = await site.login("ann")
    fresh = await site.auth.Refresh(RefreshRequest(refresh_token=tokens.refresh_token))
    await site.auth.Logout(LogoutRequest(), metadata=bearer(fresh))

    [_, *entries] = await site.entries()

    actions = [entry.action.partition("/")[2] for entry in entries]
    assert actions == ["Login", "Refresh", "Logout"]
    assert {(entry.actor, entry.tenant_id) for entry in entries} == {("ann", "acme")}


async def test_a_wrong_password_is_a_denial_and_no_change(site: Site) -> None:
    await refused(site.login("admin", "wrong"))

    [entry] = await site.entries()

    assert (entry.actor, entry.outcome, entry.reason) == ("anonymous", DENIED, "Invalid username or password")
    assert entry.action == "auth.v1.AuthService/Login"


async def test_a_refresh_token_used_twice_is_a_denial_and_the_end_of_a_session(site: Site) -> None:
    tokens = await site.login("admin")
    used = RefreshRequest(refresh_token=tokens.refresh_token)
    await site.auth.Refresh(used)
    await refused(site.auth.Refresh(used))

    outcomes = [entry.outcome for entry in await site.entries()]

    assert outcomes == [DONE, DONE, DONE, DENIED]


async def test_who_may_not_is_named_and_who_is_nobody_is_not(site: Site) -> None:
    await site.create("ann", VIEWER)
    made = await site.token(role=VIEWER)
    callers = (bearer(await site.login("ann")), secret_of(made), (("authorization", "Bearer forged"),))
    for metadata in callers:
        await refused(site.users.DeleteUser(DeleteUserRequest(username="ann"), metadata=metadata))

    denied = await site.entries(outcome=DENIED)

    role, token = "Insufficient permissions. Required role: admin", "Invalid authentication token"
    assert [(one.actor, one.reason) for one in denied] == [("ann", role), ("token:ci", role), ("anonymous", token)]
    assert {one.resource for one in denied} == {"username=ann"}


async def test_denials_of_a_kind_are_counted_in_one_entry_a_minute(site: Site) -> None:
    for _ in range(2):
        await refused(site.auth.GetMe(GetMeRequest()))
        await site.built.denials.flush()
        await refused(site.auth.GetMe(GetMeRequest()))
    first = await site.entries()
    site.watch.now += 60 * SECOND
    await refused(site.auth.GetMe(GetMeRequest()))

    both = await site.entries()

    assert [entry.count for entry in first] == [4]
    assert [entry.count for entry in both] == [4, 1]


async def test_a_flood_of_denials_fills_no_disk(site: Site) -> None:
    denials = Denials(site.database, site.watch)
    for number in range(10 * MOST_KINDS):
        denials.note(entry_at(site.watch.now, address=f"192.0.2.{number}"))
    await denials.flush()

    stored = await site.database.read(
        lambda connection: audit_store.newest(connection, Filters(), before=None, limit=1000)
    )

    assert len(stored) == MOST_KINDS + 1
    assert sum(row.count for row in stored) == 10 * MOST_KINDS
    assert {row.entry.actor for row in stored} == {"ann", "various"}


async def test_denials_are_stored_by_themselves(site: Site) -> None:
    running = asyncio.create_task(site.built.denials.run())
    await refused(site.auth.GetMe(GetMeRequest()))

    async with asyncio.timeout(10):
        while not await site.database.read(audit_store.last_number):
            await asyncio.sleep(0.01)

    running.cancel()
    await asyncio.wait([running])


async def test_what_was_denied_last_is_stored_when_the_server_stops(site: Site) -> None:
    running = asyncio.create_task(site.built.denials.run())
    await refused(site.auth.GetMe(GetMeRequest()))

    running.cancel()
    await asyncio.wait([running])

    assert await site.database.read(audit_store.last_number)


async def test_entries_are_listed_the_newest_first_page_after_page(site: Site) -> None:
    for name in ("ann", "bob", "cid"):
        await site.create(name, VIEWER)

    first = await site.audit.ListAuditEntries(ListAuditEntriesRequest(page_size=2), metadata=API_KEY)
    more = ListAuditEntriesRequest(page_size=2, page_token=first.next_page_token)
    rest = await site.audit.ListAuditEntries(more, metadata=API_KEY)

    resources = [entry.resource for page in (first, rest) for entry in page.entries]
    assert resources == ["username=cid", "username=bob", "username=ann"]
    assert rest.next_page_token == ""


async def test_entries_are_found_by_who_what_outcome_and_time(site: Site) -> None:
    await site.create("ann", VIEWER)
    early = site.watch.now
    site.watch.now += DAY
    await site.login("ann")
    await refused(site.login("ann", "wrong"))

    async def found(**filters: Any) -> list[str]:
        return [entry.action.partition("/")[2] for entry in await site.entries(**filters)]

    assert await found(actor="ann") == ["Login"]
    assert await found(action="auth.v1.AuthService/Login") == ["Login", "Login"]
    assert await found(outcome=DENIED) == ["Login"]
    between = ListAuditEntriesRequest()
    between.until.FromMicroseconds(early + 1)
    assert await found(until=between.until) == ["CreateUser"]
    assert await found(since=between.until) == ["Login", "Login"]


async def test_an_admin_of_one_tenant_reads_the_entries_of_that_tenant(site: Site) -> None:
    await site.create("boss", access_pb2.ROLE_ADMIN, tenant_id="acme")
    boss = bearer(await site.login("boss"))

    listed = await site.audit.ListAuditEntries(ListAuditEntriesRequest(), metadata=boss)
    exported = await export(site, metadata=boss)

    assert [entry.actor for entry in listed.entries] == ["boss"]
    assert [row["actor"] for row in exported] == ["boss"]


async def export(site: Site, request: Any = None, metadata: Any = API_KEY) -> list[dict[str, str]]:
    call = site.audit.ExportAuditEntries(request or ExportAuditEntriesRequest(), metadata=metadata)
    text = b"".join([piece.data async for piece in call]).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_the_export_holds_every_entry_the_oldest_first(site: Site) -> None:
    count = 2_500

    def fill(connection: sa.Connection) -> None:
        for number in range(count):
            audit_store.insert(connection, entry_at(site.watch.now, resource=f"id={number}", outcome=DONE))

    await site.database.write(fill)

    rows = await export(site)

    assert [row["resource"] for row in rows] == [f"id={number}" for number in range(count)]
    assert rows[0] | {"entry_id": ""} == {
        "entry_id": "",
        "timestamp": "2023-11-14T22:13:20Z",
        "actor": "ann",
        "role": "viewer",
        "tenant_id": "",
        "address": "192.0.2.1",
        "action": "bots.v1.RunService/StartRun",
        "resource": "id=0",
        "outcome": "done",
        "reason": "Insufficient permissions",
        "request_id": "r",
        "count": "1",
    }


async def test_no_cell_of_the_export_is_a_formula(site: Site) -> None:
    await site.database.write(
        lambda connection: audit_store.insert(connection, entry_at(site.watch.now, actor="=1+1", reason='"\r\n'))
    )

    [row] = await export(site)

    assert (row["actor"], row["reason"]) == ("'=1+1", '"\r\n')


async def test_entries_are_removed_when_they_are_old_enough(site: Site) -> None:
    await site.create("ann", VIEWER)
    site.watch.now += 365 * DAY
    await site.create("bob", VIEWER)
    site.watch.now += SECOND
    # The newest of these and "ann" are beyond.
    removed = await AuditRetention(site.database, site.watch, days=365).remove()

    assert removed == 1
    assert [entry.resource for entry in await site.entries()] == ["username=bob"]


async def test_denials_are_bounded_in_number_whatever_their_age(site: Site) -> None:
    def fill(connection: sa.Connection) -> None:
        for number in range(10):
            audit_store.insert(connection, entry_at(site.watch.now, resource=f"id={number}"))
        audit_store.insert(connection, entry_at(site.watch.now, outcome=DONE))

    await site.database.write(fill)

    removed = await AuditRetention(site.database, site.watch, days=0, denials=3).remove()

    kept = [entry.resource for entry in await site.entries()]
    assert (removed, kept) == (7, ["id=7", "id=8", "id=9", ""])


class Noting:
    """Stands where an interceptor stands: has each first change leave an entry."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def begin(self) -> FirstChange:
        first = FirstChange(lambda connection: audit_store.insert(connection, entry_at(self._site.watch.now)))
        FIRST_CHANGE.set(first)
        return first

    async def count(self) -> int:
        return await self._site.database.read(
            lambda connection: connection.execute(sa.select(sa.func.count()).select_from(AUDIT_ENTRIES)).scalar_one()
        )


@pytest.fixture
async def noting(site: Site) -> AsyncIterator[Noting]:
    yield Noting(site)
    FIRST_CHANGE.set(None)


TOUCH: Final = sa.update(USERS).values(update_time=1)
TOUCH_NOBODY: Final = TOUCH.where(USERS.c.username == "nobody")


async def test_the_entry_comes_with_the_first_unit_that_changes_a_row(site: Site, noting: Noting) -> None:
    noting.begin()
    counts = []
    statements: tuple[sa.Executable, ...] = (sa.select(USERS), TOUCH_NOBODY, TOUCH, TOUCH)
    for statement in statements:
        await site.database.write(partial(sa.Connection.execute, statement=statement))
        counts.append(await noting.count())

    assert counts == [0, 0, 1, 1]


async def test_a_statement_in_the_drivers_words_is_a_change_too(site: Site, noting: Noting) -> None:
    noting.begin()

    await site.database.write(lambda connection: connection.exec_driver_sql("UPDATE users SET update_time = 1"))

    assert await noting.count() == 1


async def test_a_unit_that_raises_leaves_neither_change_nor_entry(site: Site, noting: Noting) -> None:
    noting.begin()

    def broken(connection: sa.Connection) -> None:
        connection.execute(TOUCH)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - its own
        await site.database.write(broken)
    assert await noting.count() == 0

    await site.database.write(lambda connection: connection.execute(TOUCH))
    assert await noting.count() == 1


async def test_an_entry_that_cannot_be_stored_undoes_the_change(site: Site) -> None:
    def refuse(_: sa.Connection) -> None:
        raise OSError("no room")

    FIRST_CHANGE.set(FirstChange(refuse))

    with pytest.raises(OSError, match="no room"):
        await site.database.write(lambda connection: connection.execute(TOUCH))

    FIRST_CHANGE.set(None)
    times = await site.database.read(
        lambda connection: connection.execute(sa.select(USERS.c.update_time)).scalars().all()
    )
    assert 1 not in times


async def test_a_change_of_a_caller_who_left_is_noted_all_the_same(site: Site, noting: Noting) -> None:
    first = noting.begin()
    writing = asyncio.create_task(site.database.write(lambda connection: connection.execute(TOUCH)))
    await asyncio.sleep(0)

    writing.cancel()
    first.give_up()

    await asyncio.wait([writing])
    FIRST_CHANGE.set(None)
    # Units of work go one behind the other, so what was written is written now.
    touched = await site.database.write(
        lambda connection: connection.execute(sa.select(USERS.c.update_time)).scalars().all()
    )
    assert (1 in touched) == (await noting.count() == 1)


async def test_what_is_written_behind_the_call_or_on_nobodys_behalf_is_not_noted(site: Site, noting: Noting) -> None:
    first = noting.begin()
    with nobodys():
        await site.database.write(lambda connection: connection.execute(TOUCH))
    first.give_up()
    await site.database.write(lambda connection: connection.execute(TOUCH))

    assert await noting.count() == 0
