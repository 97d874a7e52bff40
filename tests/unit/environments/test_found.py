"""What several reports say of one environment."""

import pytest

from server.environments.reconciliation.found_store import together
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment

RUNS = FoundEnvironment.STANDING_RUNNING
RESTS = FoundEnvironment.STANDING_STOPPED
AT_WORK = FoundEnvironment.STANDING_CHANGING
BROKEN = FoundEnvironment.STANDING_FAILED


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [(RUNS, RESTS, RUNS), (RESTS, RUNS, RUNS), (AT_WORK, BROKEN, AT_WORK), (RESTS, BROKEN, BROKEN), (RESTS, 0, RESTS)],
)
def test_resources_that_are_listed_apart_are_one_environment(
    one: FoundEnvironment.Standing.ValueType,
    other: FoundEnvironment.Standing.ValueType,
    both: FoundEnvironment.Standing.ValueType,
) -> None:
    group = FoundEnvironment(environment_id="env-a", standing=one, resources=["container group"], region="eastus")
    share = FoundEnvironment(environment_id="env-a", standing=other, resources=["file share", "container group"])

    merged = together(group, share)

    assert (merged.standing, list(merged.resources), merged.region) == (
        both,
        ["container group", "file share"],
        "eastus",
    )
