"""Webhooks over the wire: setting them, what is delivered, replays."""

import json
from collections.abc import Awaitable

import grpc
import pytest

from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb
from switchyard.bots.v1 import run_service_pb2
from switchyard.bots.v1 import webhook_service_pb2 as pb
from switchyard.tasks.v1 import task_pb2, worker_service_pb2
from tests.integration.bots.serving import WORKER, Bots, lease

URL = "http://127.0.0.1:9/hook"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


async def put(bots: Bots, instance_id: str, url: str = URL, secret: str = SECRET) -> pb.Webhook:
    request = pb.PutWebhookRequest(id=instance_id, url=url, secret=secret)
    return (await bots.webhooks.PutWebhook(request)).webhook


async def deliveries(bots: Bots, instance_id: str) -> list[pb.Delivery]:
    return list((await bots.webhooks.ListDeliveries(pb.ListDeliveriesRequest(id=instance_id))).deliveries)


def message_of(task: task_pb2.Task) -> worker_pb.DeliverWebhook:
    message = worker_pb.DeliverWebhook()
    assert task.payload.Unpack(message)
    return message


async def test_a_webhook_is_replaced_and_keeps_its_creation_time(bots: Bots) -> None:
    instance = await bots.create()
    first = await put(bots, instance.id)

    second = await put(bots, instance.id, url="http://127.0.0.1:10/other")

    assert (second.url, second.created_at) == ("http://127.0.0.1:10/other", first.created_at)
    assert (await bots.webhooks.GetWebhook(pb.GetWebhookRequest(id=instance.id))).webhook == second


async def test_the_secret_is_not_stored_in_clear(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)

    stored = await bots.database.read(
        lambda connection: bytes(connection.exec_driver_sql("select secret from webhooks").scalar_one())
    )

    assert SECRET.encode() not in stored


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "ws://127.0.0.1/", "nonsense", "http://user:pw@127.0.0.1/", "http://10.0.0.1/",
     "http://169.254.169.254/latest", "http://[::ffff:192.168.0.1]/", "http://127.0.0.1:0/", "http://[/"],
)  # fmt: skip
async def test_an_address_that_may_not_be_called_is_refused(bots: Bots, url: str) -> None:
    instance = await bots.create()

    code, message = await refused(put(bots, instance.id, url=url))

    assert (code, message.split()[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "url")


@pytest.mark.parametrize("secret", ["short", "whsec_not-base64-at-all!", "whsec_c2hvcnQgc2VjcmV0"])
async def test_a_secret_of_the_wrong_form_is_refused(bots: Bots, secret: str) -> None:
    instance = await bots.create()

    code, message = await refused(put(bots, instance.id, secret=secret))

    assert (code, message.split()[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "secret")


async def test_without_a_webhook_there_is_nothing_to_read_or_remove(bots: Bots) -> None:
    instance = await bots.create()
    await bots.run_once(instance.id)

    for call in (
        bots.webhooks.GetWebhook(pb.GetWebhookRequest(id=instance.id)),
        bots.webhooks.DeleteWebhook(pb.DeleteWebhookRequest(id=instance.id)),
    ):
        assert await refused(call) == (grpc.StatusCode.NOT_FOUND, "Webhook not found")
    assert await deliveries(bots, instance.id) == []


async def test_a_finished_run_is_told_once(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    run_id = await bots.start(instance.id)
    await bots.fail(await bots.claim("run_bot"), "StepFailed", "it broke")

    task = await bots.claim("deliver_webhook")

    message = message_of(task)
    event = json.loads(message.body)
    assert (message.event_type, message.run_id, task.max_attempts) == ("run.error", run_id, 8)
    assert message.event_id.startswith("msg_")
    assert event["type"] == "run.error"
    assert event["timestamp"].endswith("Z")
    assert event["data"] | {"started_at": None, "finished_at": None} == {
        "run_id": run_id,
        "instance_id": instance.id,
        "bot_code": "noop",
        "status": "error",
        "error_code": "StepFailed",
        "error_message": "it broke",
        "started_at": None,
        "finished_at": None,
        "artifacts_url": None,
    }
    assert event["data"]["finished_at"] == event["timestamp"]


async def test_a_stopped_run_is_told_as_stopped(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    await bots.start(instance.id)

    await bots.runs.StopRun(run_service_pb2.StopRunRequest(id=instance.id))

    assert [delivery.event_type for delivery in await deliveries(bots, instance.id)] == ["run.stopped"]


async def test_the_worker_learns_address_and_secret_as_they_are_now(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    await bots.run_once(instance.id)
    task = await bots.claim("deliver_webhook")
    await put(bots, instance.id, url="http://127.0.0.1:10/now", secret="a secret of some length")

    given = await bots.bot_worker.GetDelivery(worker_pb.GetDeliveryRequest(lease=lease(task)), metadata=WORKER)

    assert (given.url, given.secret) == ("http://127.0.0.1:10/now", "a secret of some length")


async def test_a_delivery_shows_how_its_attempts_went(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    await bots.run_once(instance.id)
    (waiting,) = await deliveries(bots, instance.id)
    task = await bots.claim("deliver_webhook")
    failed = worker_service_pb2.FinishTaskRequest.Failed(
        error=task_pb2.Failure(type="HttpStatus", message="answered with 503"), retryable=True
    )
    failed.retry_delay.seconds = 30
    failed.result.Pack(worker_pb.DeliverWebhookResult(response_status=503))
    await bots.worker.FinishTask(
        worker_service_pb2.FinishTaskRequest(lease=lease(task), failed=failed), metadata=WORKER
    )

    (tried,) = await deliveries(bots, instance.id)

    assert (waiting.status, waiting.attempts) == (pb.Delivery.STATUS_PENDING, 0)
    assert waiting.next_attempt_at == waiting.created_at
    assert (tried.status, tried.attempts, tried.response_status, tried.error) == (
        pb.Delivery.STATUS_PENDING,
        1,
        503,
        "answered with 503",
    )
    assert tried.next_attempt_at.seconds - tried.created_at.seconds in (30, 31)
    bots.clock.ahead += 31_000_000
    await bots.succeed(await bots.claim("deliver_webhook"))
    (done,) = await deliveries(bots, instance.id)
    assert (done.status, done.attempts) == (pb.Delivery.STATUS_DELIVERED, 2)
    assert done.HasField("finished_at")
    assert not done.HasField("next_attempt_at")


async def test_a_removed_webhook_gives_up_what_waits(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    await bots.run_once(instance.id)

    await bots.webhooks.DeleteWebhook(pb.DeleteWebhookRequest(id=instance.id))

    (given_up,) = await deliveries(bots, instance.id)
    assert (given_up.status, given_up.error) == (pb.Delivery.STATUS_FAILED, "the webhook was removed")


async def test_an_attempt_that_was_given_up_before_it_began_is_not_counted(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    await bots.run_once(instance.id)
    task = await bots.claim("deliver_webhook")
    failed = worker_service_pb2.FinishTaskRequest.Failed(error=task_pb2.Failure(type="WebhookFailed"), retryable=True)
    await bots.worker.FinishTask(
        worker_service_pb2.FinishTaskRequest(lease=lease(task), failed=failed), metadata=WORKER
    )

    await bots.webhooks.DeleteWebhook(pb.DeleteWebhookRequest(id=instance.id))

    (given_up,) = await deliveries(bots, instance.id)
    assert (given_up.status, given_up.attempts) == (pb.Delivery.STATUS_FAILED, 1)


async def test_a_replay_that_is_repeated_sends_once(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    await bots.run_once(instance.id)
    (first,) = await deliveries(bots, instance.id)
    request = pb.ReplayDeliveryRequest(id=instance.id, delivery_id=first.id, request_id="key")
    replayed = await bots.webhooks.ReplayDelivery(request)

    repeated = await bots.webhooks.ReplayDelivery(request)

    assert repeated == replayed
    assert len(await deliveries(bots, instance.id)) == 2
    other = pb.ReplayDeliveryRequest(id=instance.id, delivery_id=replayed.delivery.id, request_id="key")
    assert (await refused(bots.webhooks.ReplayDelivery(other)))[0] is grpc.StatusCode.ABORTED


async def test_a_replay_is_a_new_delivery_of_the_same_event(bots: Bots) -> None:
    instance = await bots.create()
    await put(bots, instance.id)
    await bots.run_once(instance.id)
    first = await bots.claim("deliver_webhook")
    await bots.succeed(first)

    replayed = (
        await bots.webhooks.ReplayDelivery(pb.ReplayDeliveryRequest(id=instance.id, delivery_id=first.id))
    ).delivery

    second = await bots.claim("deliver_webhook")
    assert second.id == replayed.id != first.id
    assert message_of(second) == message_of(first)
    assert [delivery.id for delivery in await deliveries(bots, instance.id)] == [second.id, first.id]


async def test_a_delivery_of_another_instance_is_not_replayed(bots: Bots) -> None:
    instance, other = await bots.create(), await bots.create()
    await put(bots, instance.id)
    await put(bots, other.id)
    await bots.run_once(other.id)
    (theirs,) = await deliveries(bots, other.id)

    code, _ = await refused(
        bots.webhooks.ReplayDelivery(pb.ReplayDeliveryRequest(id=instance.id, delivery_id=theirs.id))
    )

    assert code is grpc.StatusCode.NOT_FOUND
