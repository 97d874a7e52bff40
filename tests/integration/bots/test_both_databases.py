"""The life of an instance, the same over SQLite and Postgres. All other tests of bots run over SQLite."""

from pathlib import Path

import pytest

from switchyard.bots.v1 import bot_instance_pb2, run_service_pb2, webhook_service_pb2
from switchyard.bots.v1 import bot_instance_service_pb2 as pb
from tests.integration.bots.serving import serving


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_an_instance_lives_and_goes(tmp_path: Path, dialect: str) -> None:
    async with serving(tmp_path / "data", dialect=dialect) as bots:
        instance = await bots.create(request_id="k")
        assert await bots.create(request_id="k") == instance
        for url in ("http://127.0.0.1:9/", "http://127.0.0.1:10/"):
            request = webhook_service_pb2.PutWebhookRequest(id=instance.id, url=url, secret="x" * 16)
            await bots.webhooks.PutWebhook(request)
        await bots.instances.ValidateBotInstance(pb.ValidateBotInstanceRequest(id=instance.id))
        await bots.succeed(await bots.claim("validate_bot"))
        await bots.start(instance.id)
        await bots.fail(await bots.claim("run_bot"))

        errors = pb.ListBotInstancesRequest(status=bot_instance_pb2.BotInstance.STATUS_ERROR)
        assert [found.id for found in (await bots.instances.ListBotInstances(errors)).bot_instances] == [instance.id]
        runs = await bots.runs.ListRuns(run_service_pb2.ListRunsRequest(id=instance.id))
        assert [run.error_code for run in runs.runs] == ["StepFailed"]
        listed = await bots.webhooks.ListDeliveries(webhook_service_pb2.ListDeliveriesRequest(id=instance.id))
        assert [delivery.event_type for delivery in listed.deliveries] == ["run.error"]

        await bots.instances.DeleteBotInstance(pb.DeleteBotInstanceRequest(id=instance.id))
        assert (await bots.instances.ListBotInstances(pb.ListBotInstancesRequest())).total == 0
