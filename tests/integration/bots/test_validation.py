"""Validations over the wire: begun, concluded by a worker or from outside, and never pending for ever."""

from collections.abc import Awaitable

import grpc
import pytest

from server.clock import SECOND
from switchyard.bots.v1 import bot_instance_pb2
from switchyard.bots.v1 import bot_instance_service_pb2 as pb
from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb
from tests.integration.bots.serving import WORKER, Bots, lease

PENDING = bot_instance_pb2.VALIDATION_STATUS_PENDING
VALID = bot_instance_pb2.VALIDATION_STATUS_VALID
INVALID = bot_instance_pb2.VALIDATION_STATUS_INVALID


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


async def validate(bots: Bots, instance_id: str, request_id: str = "") -> str:
    request = pb.ValidateBotInstanceRequest(id=instance_id, request_id=request_id)
    response = await bots.instances.ValidateBotInstance(request)
    assert response.status == "queued"
    return response.job_id


async def found(bots: Bots, instance_id: str) -> pb.GetValidationResponse:
    return await bots.instances.GetValidation(pb.GetValidationRequest(id=instance_id))


async def test_nothing_is_known_before_the_first_validation(bots: Bots) -> None:
    instance = await bots.create()

    assert await found(bots, instance.id) == pb.GetValidationResponse()


async def test_a_validation_is_pending_until_its_worker_reports(bots: Bots) -> None:
    instance = await bots.create()
    job_id = await validate(bots, instance.id)
    assert (await bots.get(instance.id)).validation_status == PENDING
    task = await bots.claim("validate_bot")
    checks = [
        bot_instance_pb2.ValidationCheck(name="config", ok=True),
        bot_instance_pb2.ValidationCheck(name="cookies", ok=False, message="No cookies were uploaded."),
    ]

    await bots.bot_worker.ReportValidation(
        worker_pb.ReportValidationRequest(lease=lease(task), status=INVALID, checks=checks), metadata=WORKER
    )
    await bots.succeed(task)

    validation = await found(bots, instance.id)
    assert validation.validation_status == INVALID
    assert validation.job_id == job_id == task.id
    assert list(validation.checks) == checks
    assert list(validation.errors) == ["No cookies were uploaded."]
    assert validation.last_validated_at == (await bots.get(instance.id)).last_validated_at


async def test_a_second_call_names_the_validation_under_way(bots: Bots) -> None:
    instance = await bots.create()

    assert await validate(bots, instance.id) == await validate(bots, instance.id)


async def test_a_repeated_request_names_the_first_job_even_when_it_is_over(bots: Bots) -> None:
    instance = await bots.create()
    first = await validate(bots, instance.id, "k")
    await bots.succeed(await bots.claim("validate_bot"))

    assert await validate(bots, instance.id, "k") == first
    assert await validate(bots, instance.id) != first


async def test_a_verdict_from_outside_is_stored(bots: Bots) -> None:
    instance = await bots.create()
    await validate(bots, instance.id)

    await bots.instances.CompleteValidation(
        pb.CompleteValidationRequest(id=instance.id, instance_id=instance.id, status=INVALID, error="no captions")
    )

    validation = await found(bots, instance.id)
    assert (validation.validation_status, list(validation.errors)) == (INVALID, ["no captions"])
    assert not validation.HasField("job_id")
    assert validation.HasField("last_validated_at")


@pytest.mark.parametrize("status", [PENDING, bot_instance_pb2.VALIDATION_STATUS_UNSPECIFIED])
async def test_only_valid_and_invalid_are_verdicts(
    bots: Bots, status: bot_instance_pb2.ValidationStatus.ValueType
) -> None:
    instance = await bots.create()
    request = pb.CompleteValidationRequest(id=instance.id, instance_id=instance.id, status=status)

    code, message = await refused(bots.instances.CompleteValidation(request))

    assert (code, message.split()[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "status")


async def test_the_ids_of_path_and_body_must_agree(bots: Bots) -> None:
    instance = await bots.create()
    request = pb.CompleteValidationRequest(id=instance.id, instance_id="other", status=VALID)

    code, message = await refused(bots.instances.CompleteValidation(request))

    assert (code, message) == (grpc.StatusCode.INVALID_ARGUMENT, "instance_id must be the id in the path")


async def test_a_validation_whose_workers_are_lost_ends_as_invalid(bots: Bots) -> None:
    instance = await bots.create()
    await validate(bots, instance.id)
    for _ in range(3):
        await bots.claim("validate_bot")
        assert (await bots.get(instance.id)).validation_status == PENDING
        bots.clock.ahead += 3600 * SECOND
        await bots.kernel.expire_leases()
        bots.clock.ahead += 3600 * SECOND

    validation = await found(bots, instance.id)
    assert validation.validation_status == INVALID
    assert list(validation.errors) == ["The validation did not finish: the worker on host-1 was lost."]


async def test_a_report_needs_the_lease_of_a_validation(bots: Bots) -> None:
    instance = await bots.create()
    await bots.start(instance.id)
    task = await bots.claim("run_bot")

    code, _ = await refused(
        bots.bot_worker.ReportValidation(
            worker_pb.ReportValidationRequest(lease=lease(task), status=VALID), metadata=WORKER
        )
    )

    assert code is grpc.StatusCode.INVALID_ARGUMENT
