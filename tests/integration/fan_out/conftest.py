"""Servers that share a Valkey, and a Postgres where they need one."""

from collections.abc import Iterator

import pytest

from tests.valkey import Valkey, running_valkey


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[Valkey]:
    with running_valkey() as server:
        yield server


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """One that the test may do away with."""
    with running_valkey() as server:
        yield server
