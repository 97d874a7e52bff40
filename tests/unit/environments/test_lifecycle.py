"""What may happen to an environment, from which state, and where it stands afterwards."""

import pytest

from server.environments import lifecycle
from server.environments.lifecycle import (
    CREATE,
    CREATING,
    DELETE,
    DELETING,
    ERROR,
    RUNNING,
    START,
    STARTING,
    STOP,
    STOPPED,
    STOPPING,
    Operation,
    Status,
)
from server.errors import EnvironmentState

EVERY = (CREATING, STARTING, RUNNING, STOPPING, STOPPED, ERROR, DELETING)


# start from STOPPED or ERROR, stop from RUNNING, delete from every state
@pytest.mark.parametrize(
    ("operation", "sources", "meanwhile"),
    [(START, {STOPPED, ERROR}, STARTING), (STOP, {RUNNING}, STOPPING), (DELETE, set(EVERY), DELETING)],
)
@pytest.mark.parametrize("status", EVERY)
def test_an_operation_begins_where_it_may_and_nowhere_else(
    operation: Operation, sources: set[Status], meanwhile: Status, status: Status
) -> None:
    if status in sources:
        assert lifecycle.begin(status, operation) == meanwhile
        return
    with pytest.raises(EnvironmentState):
        lifecycle.begin(status, operation)


def test_a_refusal_names_the_state() -> None:
    with pytest.raises(EnvironmentState, match="environment cannot be started while it is RUNNING"):
        lifecycle.begin(RUNNING, START)


@pytest.mark.parametrize(
    ("operation", "well", "badly"),
    [
        (CREATE, RUNNING, ERROR),
        (START, RUNNING, ERROR),
        (STOP, STOPPED, ERROR),
        # It is gone; until then somebody goes on deleting it.
        (DELETE, None, DELETING),
    ],
)
def test_its_end_says_where_it_stands(operation: Operation, well: Status | None, badly: Status) -> None:
    assert (lifecycle.succeeded(operation), lifecycle.failed(operation)) == (well, badly)


def test_each_state_that_passes_by_itself_has_an_operation() -> None:
    under_way = {status: lifecycle.under_way(status) for status in lifecycle.CHANGING}

    assert under_way == {CREATING: CREATE, STARTING: START, STOPPING: STOP, DELETING: DELETE}


@pytest.mark.parametrize("status", [RUNNING, STOPPED, ERROR])
def test_nothing_is_under_way_in_the_others(status: Status) -> None:
    with pytest.raises(EnvironmentState):
        lifecycle.under_way(status)
