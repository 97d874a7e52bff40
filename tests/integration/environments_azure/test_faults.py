"""Whatever goes wrong at whichever step: what is there in the end is what was told, and nothing is left over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.clouds.azure.cloud import Cloud
from tests.clouds.azure.faults import PASSING, FaultKind
from tests.clouds.azure.server import AzureStandIn
from tests.integration.environments_azure.conftest import (
    ENVIRONMENT_ID,
    GROUP,
    HURRIED,
    PLAN,
    REGION,
    SHARE,
    OpenProvider,
    Said,
)
from tests.patience import PATIENCE
from workers.environments.azure.provider import AzureProvider
from workers.environments.provider import ProviderFailed

Operation = Callable[[AzureProvider], Awaitable[Any]]


async def create(provider: AzureProvider) -> None:
    await provider.create(PLAN, Said())


async def start(provider: AzureProvider) -> None:
    await provider.start(PLAN, Said())


async def stop(provider: AzureProvider) -> None:
    await provider.stop(ENVIRONMENT_ID, REGION, Said())


async def delete(provider: AzureProvider) -> None:
    await provider.delete(ENVIRONMENT_ID, REGION, Said())


# What is there before, the operation, its steps, and what is there afterwards.
COURSES: Final[dict[str, tuple[list[Operation], Operation, list[str], dict[str, Any]]]] = {
    "create": (
        [],
        create,
        ["list-keys", "create-share", "get-group", "put-group", "operation"],
        {"groups": {GROUP: "Running"}, "shares": [SHARE]},
    ),
    "stop": ([create], stop, ["get-group", "stop-group"], {"groups": {GROUP: "Stopped"}, "shares": [SHARE]}),
    "start": (
        [create, stop],
        start,
        ["create-share", "get-group", "start-group", "operation"],
        {"groups": {GROUP: "Running"}, "shares": [SHARE]},
    ),
    "delete": (
        [create],
        delete,
        ["get-group", "delete-group", "operation", "delete-share"],
        {"groups": {}, "shares": []},
    ),
}
# Requests that something else which goes on can stand in the way of.
CHANGES: Final = {"create-share", "put-group", "start-group", "stop-group", "delete-group"}
PASSING_CASES: Final = [
    (course, step, kind)
    for course, (_, _, steps, _) in COURSES.items()
    for step in steps
    for kind in PASSING
    if kind != "changing" or step in CHANGES
]


def what_is_there(cloud: Cloud) -> dict[str, Any]:
    return {"groups": {name: group.state for name, group in cloud.groups.items()}, "shares": sorted(cloud.shares)}


@pytest.mark.parametrize(("course", "step", "kind"), PASSING_CASES)
async def test_a_fault_that_passes_changes_nothing_of_what_comes_out(
    course: str, step: str, kind: FaultKind, open_provider: OpenProvider, cloud: Cloud
) -> None:
    before, operation, _, afterwards = COURSES[course]
    for earlier in before:
        await earlier(open_provider(HURRIED))
    # A request that is never answered takes all of its time.
    provider = open_provider(replace(HURRIED, request_seconds=0.2) if kind == "no answer" else HURRIED)
    cloud.faults.add(step, kind)

    await operation(provider)

    assert cloud.faults.left() == 0
    assert what_is_there(cloud) == afterwards


# What goes on for good, and what is told of it.
LASTING: Final[dict[FaultKind, tuple[str, bool]]] = {
    "refused": ("ProviderRefused", False),
    "quota": ("ProviderQuota", False),
    "error 500": ("ProviderBusy", True),
    "throttled": ("ProviderBusy", True),
    "cut before": ("ProviderBusy", True),
}
LASTING_CASES: Final = [
    *((course, step, kind) for course in COURSES for step in COURSES[course][2] for kind in [*LASTING][:3]),
    # Sent again as an error of the server is.
    ("create", "put-group", "throttled"),
    ("create", "put-group", "cut before"),
]


@pytest.mark.parametrize(("course", "step", "kind"), LASTING_CASES)
async def test_a_fault_that_lasts_is_told_and_the_operation_can_be_done_again_afterwards(
    course: str,
    step: str,
    kind: FaultKind,
    open_provider: OpenProvider,
    cloud: Cloud,
) -> None:
    before, operation, _, afterwards = COURSES[course]
    for earlier in before:
        await earlier(open_provider(HURRIED))
    cloud.faults.add(step, kind, times=100)
    provider = open_provider(HURRIED)

    with pytest.raises(ProviderFailed) as failure:
        await operation(provider)

    assert (failure.value.kind, failure.value.retryable) == LASTING[kind]
    cloud.faults.clear()
    await operation(provider)
    assert what_is_there(cloud) == afterwards


@pytest.mark.parametrize("step", COURSES["create"][2])
@pytest.mark.parametrize("kind", ["quota", "error 500"])
async def test_cleaning_up_after_a_creation_that_failed_leaves_nothing(
    step: str, kind: FaultKind, open_provider: OpenProvider, cloud: Cloud
) -> None:
    cloud.faults.add(step, kind, times=100)
    with pytest.raises(ProviderFailed):
        await create(open_provider(HURRIED))
    cloud.faults.clear()

    await delete(open_provider(HURRIED))

    assert cloud.leftovers() == []


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        ({"code": "ContainerGroupQuotaReached", "message": "quota 'StandardCores' exceeded"}, "ProviderQuota", False),
        ({"code": "ServiceUnavailable", "message": "not available in the location"}, "ProviderBusy", True),
        ({"code": "InaccessibleImage", "message": "The image is not accessible"}, "ProviderFailed", False),
    ],
)
async def test_an_operation_that_azure_takes_and_then_fails_is_told_by_its_reason(
    error: dict[str, str], kind: str, retryable: bool, provider: AzureProvider, cloud: Cloud
) -> None:
    cloud.next_operation_fails = error

    with pytest.raises(ProviderFailed) as failure:
        await create(provider)

    assert (failure.value.kind, failure.value.retryable) == (kind, retryable)
    assert error["message"] not in str(failure.value)


async def test_a_group_that_an_earlier_try_has_left_broken_is_made_anew(provider: AzureProvider, cloud: Cloud) -> None:
    cloud.next_operation_fails = {"code": "ServiceUnavailable", "message": "not available in the location"}
    with pytest.raises(ProviderFailed):
        await create(provider)

    await create(provider)

    assert what_is_there(cloud) == COURSES["create"][3]


async def test_what_takes_too_long_is_given_up_with_a_reason(open_provider: OpenProvider, cloud: Cloud) -> None:
    cloud.looks = 1_000_000
    provider = open_provider(replace(HURRIED, operation_seconds=0.3))

    with pytest.raises(ProviderFailed, match="Azure takes too long") as failure:
        await create(provider)

    assert failure.value.retryable


async def killed_at(number: int, after: bool, operation: Operation, azure: AzureStandIn, worker: AzureProvider) -> bool:
    """Do `operation` until its request `number`, and end it there; return whether it came that far."""
    held = azure.cloud.faults.held
    held.number, held.after = len(azure.cloud.seen) + number, after
    work = asyncio.ensure_future(operation(worker))
    coming = asyncio.ensure_future(held.come.wait())
    await asyncio.wait([work, coming], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    coming.cancel()
    killed = not work.done()
    work.cancel()
    held.released.set()
    await asyncio.wait([work])
    held.number = 0
    return killed


@pytest.mark.parametrize("after", [False, True], ids=["before it was carried out", "after it was carried out"])
# A step may be taken twice.
@pytest.mark.parametrize(
    ("course", "number"), [(course, number) for course in COURSES for number in range(1, len(COURSES[course][2]) + 3)]
)
async def test_what_was_killed_at_any_request_is_done_by_doing_it_again(
    course: str, number: int, after: bool, open_provider: OpenProvider, azure: AzureStandIn
) -> None:
    before, operation, steps, afterwards = COURSES[course]
    for earlier in before:
        await earlier(open_provider(HURRIED))
    killed = await killed_at(number, after, operation, azure, open_provider(HURRIED))
    assert killed or number > len(steps)

    await operation(open_provider(HURRIED))

    assert what_is_there(azure.cloud) == afterwards


@pytest.mark.parametrize("after", [False, True], ids=["before it was carried out", "after it was carried out"])
@pytest.mark.parametrize("number", range(1, 9))
async def test_a_deletion_right_after_a_creation_was_broken_off_leaves_nothing(
    number: int, after: bool, open_provider: OpenProvider, azure: AzureStandIn
) -> None:
    await killed_at(number, after, create, azure, open_provider(HURRIED))

    await delete(open_provider(HURRIED))

    assert azure.cloud.leftovers() == []


async def test_a_change_that_is_under_way_ends_before_whoever_asked_for_it_is_broken_off(
    provider: AzureProvider, azure: AzureStandIn
) -> None:
    """Else a deletion that follows could overtake it, and what it makes would be left."""
    held = azure.cloud.faults.held
    # Keys, share, look, put.
    held.number = 4
    work = asyncio.ensure_future(create(provider))
    await asyncio.wait_for(held.come.wait(), PATIENCE)

    work.cancel()
    for _ in range(10):
        await asyncio.sleep(0)

    assert not work.done()
    held.released.set()
    with pytest.raises(asyncio.CancelledError):
        await work
