"""What may happen to an environment, and where it stands afterwards. Pure."""

from typing import Final, NamedTuple, TypeAlias

from server.errors import EnvironmentState
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment

Status: TypeAlias = Environment.Status.ValueType
Operation: TypeAlias = ProvisionEnvironment.Operation.ValueType

CREATING: Final = Environment.STATUS_CREATING
STARTING: Final = Environment.STATUS_STARTING
RUNNING: Final = Environment.STATUS_RUNNING
STOPPING: Final = Environment.STATUS_STOPPING
STOPPED: Final = Environment.STATUS_STOPPED
ERROR: Final = Environment.STATUS_ERROR
DELETING: Final = Environment.STATUS_DELETING

CREATE: Final = ProvisionEnvironment.OPERATION_CREATE
START: Final = ProvisionEnvironment.OPERATION_START
STOP: Final = ProvisionEnvironment.OPERATION_STOP
DELETE: Final = ProvisionEnvironment.OPERATION_DELETE
CLEAN_UP: Final = ProvisionEnvironment.OPERATION_CLEAN_UP

# A Task works on it.
CHANGING: Final = frozenset({CREATING, STARTING, STOPPING, DELETING})


class _Course(NamedTuple):
    """What an operation does: where from, what is shown meanwhile, and what when it went well (None: it is gone)."""

    verb: str
    past: str
    sources: frozenset[Status]
    meanwhile: Status
    afterwards: Status | None


_COURSES: Final[dict[Operation, _Course]] = {
    CREATE: _Course("create", "created", frozenset(), CREATING, RUNNING),
    START: _Course("start", "started", frozenset({STOPPED, ERROR}), STARTING, RUNNING),
    STOP: _Course("stop", "stopped", frozenset({RUNNING}), STOPPING, STOPPED),
    DELETE: _Course(
        "delete",
        "deleted",
        frozenset({CREATING, STARTING, RUNNING, STOPPING, STOPPED, ERROR, DELETING}),
        DELETING,
        None,
    ),
}


def begin(status: Status, operation: Operation) -> Status:
    """Return where an environment stands while `operation` is at work.

    Raises:
        EnvironmentState: it cannot be done from `status`.
    """
    course = _COURSES[operation]
    if status not in course.sources:
        raise EnvironmentState(f"environment cannot be {course.past} while it is {_word(status)}")
    return course.meanwhile


def succeeded(operation: Operation) -> Status | None:
    """Return where it stands once `operation` has done what it should; None: it is gone."""
    return _COURSES[operation].afterwards


def failed(operation: Operation) -> Status:
    """Return where it stands once `operation` has failed for good. Who deletes goes on until it is gone."""
    return DELETING if operation == DELETE else ERROR


def under_way(status: Status) -> Operation:
    """Return the operation that is at work while an environment stands there.

    Raises:
        EnvironmentState: none is.
    """
    for operation, course in _COURSES.items():
        if course.meanwhile == status:
            return operation
    raise EnvironmentState(f"nothing is at work on an environment that is {_word(status)}")


def verb(operation: Operation) -> str:
    """Return the operation as a verb, for sentences."""
    return _COURSES[operation].verb


def _word(status: Status) -> str:
    return Environment.Status.Name(status).removeprefix("STATUS_")
