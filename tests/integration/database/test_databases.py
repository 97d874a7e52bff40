"""What the tests themselves stand on: a database in Postgres that was used before is as good as a new one."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from server.accounts.audit import audit_store
from server.accounts.audit.audit_store import Filters
from server.database.database import open_database
from server.rpc.audit import Entry
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1.audit_service_pb2 import AuditEntry
from tests.integration.database.databases import database_url

ENTRY = Entry(
    time=1,
    actor="somebody",
    role=access_pb2.ROLE_UNSPECIFIED,
    tenant_id=None,
    address="",
    action="",
    resource="",
    outcome=AuditEntry.OUTCOME_DENIED,
    reason="",
    request_id="",
)


@pytest.fixture
def url_of_a_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], str]:
    """Give a test, by its name, a database of a new folder."""

    def give(name: str) -> str:
        monkeypatch.setenv("PYTEST_CURRENT_TEST", f"{name} (call)")
        return database_url("postgresql", Path(tempfile.mkdtemp(dir=tmp_path)))

    return give


async def insert(url: str) -> int:
    """Store a row; return its number."""
    database = await open_database(url)
    number = await database.write(lambda connection: audit_store.insert_counted(connection, ENTRY, 1))
    await database.close()
    return number


async def test_what_an_earlier_test_has_stored_is_gone_and_its_numbers_come_again(
    url_of_a_test: Callable[[str], str],
) -> None:
    earlier = url_of_a_test("earlier")
    first = await insert(earlier)
    while (later := url_of_a_test("later")) != earlier:
        # The connections of the earlier one take a moment to end.
        continue

    database = await open_database(later)
    found = await database.read(lambda connection: audit_store.newest(connection, Filters(), before=None, limit=1))
    await database.close()

    assert found == []
    assert await insert(later) == first


async def test_a_folder_keeps_its_database(tmp_path: Path) -> None:
    first = await insert(database_url("postgresql", tmp_path))

    assert await insert(database_url("postgresql", tmp_path)) == first + 1


async def test_the_database_of_a_folder_that_is_gone_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    earlier = database_url("postgresql", folder)
    await insert(earlier)

    folder.rmdir()

    # Ends once it is; its connections take a moment to end.
    while database_url("postgresql", Path(tempfile.mkdtemp(dir=tmp_path))) != earlier:
        continue


async def test_a_database_that_somebody_is_connected_to_is_his(url_of_a_test: Callable[[str], str]) -> None:
    earlier = url_of_a_test("earlier")
    database = await open_database(earlier)

    later = url_of_a_test("later")
    await database.close()

    assert later != earlier


async def test_a_database_whose_tables_were_changed_is_not_used_again(url_of_a_test: Callable[[str], str]) -> None:
    earlier = url_of_a_test("earlier")
    database = await open_database(earlier)
    await database.write(lambda connection: connection.execute(sa.text("ALTER TABLE tasks RENAME TO lost")))
    await database.close()

    laters = [url_of_a_test(f"later {number}") for number in range(3)]

    assert earlier not in laters
