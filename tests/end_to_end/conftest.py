"""A whole Switchyard on loopback: queue, server and worker as real processes that a test may kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.system import System


@pytest.fixture(scope="module")
def shared_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system for tests that harm nothing."""
    with System(tmp_path_factory.mktemp("system")) as system:
        system.start()
        yield system


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A running system of its own, for tests that kill parts of it."""
    with System(tmp_path) as system:
        system.start()
        yield system


@pytest.fixture
def system_of_short_leases(tmp_path: Path) -> Iterator[System]:
    """A running system of its own that misses a lost worker after 3 s."""
    with System(tmp_path, {"LEASE_SECONDS": "3"}) as system:
        system.start()
        yield system
