"""What holds for every test."""

import gc

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow; that is no fault of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes a minute on one core, for which all others would wait at the end."""
    items.sort(key=lambda item: item.path.name != "test_repository.py")


def pytest_collection_finish() -> None:
    """Spare the modules of all tests, which stay to the end, the search for garbage between any two of them."""
    gc.collect()
    gc.freeze()
