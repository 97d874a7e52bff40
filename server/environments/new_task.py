"""The Tasks of environments: their kinds, subjects and limits. Pure."""

from typing import Final

from server.tasks.task import NewTask
from switchyard.environments.v1.provisioning_service_pb2 import (
    CompareEnvironments,
    ProvisionEnvironment,
    ReadEnvironment,
)

PROVISION_KIND: Final = "provision_environment"
READ_KIND: Final = "read_environment"
COMPARE_KIND: Final = "compare_environments"
KINDS: Final = (PROVISION_KIND, READ_KIND, COMPARE_KIND)

# Clouds take minutes; what takes longer hangs.
_PROVISION_SECONDS: Final = 1_800
_COMPARE_SECONDS: Final = 600
# An operation can be done again, and finds what an earlier try has made.
_ATTEMPTS: Final = 3
# What is asked of an environment goes before bulk work, and cleaning up after it.
_PRIORITY: Final = 5


def environment_subject(environment_id: str) -> str:
    """Return what the Tasks of an environment are done to."""
    return f"environments/{environment_id}"


def provision(payload: ProvisionEnvironment, tenant: str, *, not_before: int | None = None) -> NewTask:
    """Return the Task of an operation. Those of one environment run one after the other."""
    subject = environment_subject(payload.environment_id)
    return NewTask(
        PROVISION_KIND,
        subject,
        tenant,
        payload,
        priority=_PRIORITY,
        max_attempts=_ATTEMPTS,
        attempt_timeout_seconds=_PROVISION_SECONDS,
        not_before=not_before,
        concurrency_key=subject,
        concurrency_limit=1,
        title=f"{ProvisionEnvironment.Operation.Name(payload.operation).removeprefix('OPERATION_').lower()} "
        f"{payload.environment_id}",
    )


def read(payload: ReadEnvironment, tenant: str, *, seconds: int) -> NewTask:
    """Return the Task that reads logs of an environment or runs a command in it, for at most `seconds`."""
    subject = environment_subject(payload.environment_id)
    return NewTask(READ_KIND, subject, tenant, payload, priority=0, attempt_timeout_seconds=seconds)


def compare(provider: str) -> NewTask:
    """Return the Task of a comparison; there is one at a time at each provider."""
    subject = f"providers/{provider}"
    payload = CompareEnvironments(provider=provider)
    return NewTask(
        COMPARE_KIND,
        subject,
        "",
        payload,
        attempt_timeout_seconds=_COMPARE_SECONDS,
        concurrency_key=subject,
        concurrency_limit=1,
    )
