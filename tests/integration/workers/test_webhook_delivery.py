"""Deliveries to a real receiver, over a real gRPC link to a board."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.tasks.v1 import worker_service_pb2 as pb
from tests.integration.workers.board import TOKEN, Board, Row, shown
from tests.ports import free_port
from workers.assignment import Desk, without_process
from workers.server_link import ServerLink
from workers.webhook_delivery import USER_AGENT, deliver_webhook, signing_key

BODY = b'{"type":"run.success","data":{"run_id":"r1"}}'
SECRETS = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "just some words, no base64"]


@dataclass
class Receiver:
    """Answers every POST with `status` and keeps what came."""

    status: int = 200
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.path, headers, await request.read()))
        return web.Response(status=self.status, headers={"location": "/elsewhere"} if self.status == 302 else None)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self.receive)
        runner = web.AppRunner(app)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield port
        finally:
            await runner.cleanup()


async def deliver(
    folder: Path, url: str, *, secret: str = SECRETS[0], attempt: int = 1, refused: bool = False, timeout: float = 60
) -> Row:
    board = Board()
    if refused:
        board.refused_urls.add(url)
    payload = bots_pb.DeliverWebhook(event_id="event-1", event_type="run.success", body=BODY)
    row = board.add("deliver_webhook", payload, url=url, secret=secret, timeout=timeout)
    row.task.attempt = attempt - 1
    address = f"127.0.0.1:{free_port()}"
    async with shown(board, address), ServerLink(address, TOKEN) as link:
        claim = await link.call(link.tasks.ClaimTask, pb.ClaimTaskRequest(worker_id="w", kinds=["deliver_webhook"]))
        desk = Desk(link, {"deliver_webhook": without_process(deliver_webhook)}, folder)
        await desk.perform(claim.task, 30.0)
    return row


def response_status(row: Row) -> int:
    assert row.report is not None
    result = bots_pb.DeliverWebhookResult()
    packed = row.report.success.result if row.report.HasField("success") else row.report.failed.result
    assert packed.Unpack(result)
    return result.response_status


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_delivery_can_be_verified_by_its_receiver(tmp_path: Path, secret: str) -> None:
    receiver = Receiver(status=204)
    async with receiver.listening() as port:
        row = await deliver(tmp_path, f"http://127.0.0.1:{port}/hook", secret=secret)

    ((path, headers, body),) = receiver.requests
    Webhook(signing_key(secret)).verify(body, headers)
    assert (path, body, headers["user-agent"], headers["webhook-id"]) == ("/hook", BODY, USER_AGENT, "event-1")
    assert row.report is not None
    assert row.report.WhichOneof("outcome") == "success"
    assert response_status(row) == 204


async def test_a_delivery_goes_to_the_resolved_address_under_the_name_of_its_url(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening() as port:
        await deliver(tmp_path, f"http://hooks.example.invalid:{port}/")

    assert receiver.requests[0][1]["host"] == f"hooks.example.invalid:{port}"


@pytest.mark.parametrize(
    ("status", "attempt", "retryable", "delay_seconds"),
    [
        (500, 1, True, 5),
        (500, 3, True, 120),
        (404, 7, True, 7200),
        (429, 20, True, 7200),  # the last delay stays
        (302, 1, True, 5),  # not followed
        (410, 1, False, 0),  # wants no more
    ],
)
async def test_a_refused_delivery_is_tried_again_later(
    tmp_path: Path, status: int, attempt: int, retryable: bool, delay_seconds: int
) -> None:
    receiver = Receiver(status=status)
    async with receiver.listening() as port:
        row = await deliver(tmp_path, f"http://127.0.0.1:{port}/", attempt=attempt)

    assert len(receiver.requests) == 1
    assert row.report is not None
    assert (row.report.failed.retryable, row.report.failed.retry_delay.seconds) == (retryable, delay_seconds)
    assert response_status(row) == status


async def test_a_receiver_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    row = await deliver(tmp_path, f"http://127.0.0.1:{free_port()}/")

    assert row.report is not None
    assert row.report.failed.retryable
    assert response_status(row) == 0


async def test_a_forbidden_address_is_not_called_and_not_tried_again(tmp_path: Path) -> None:
    receiver = Receiver()
    async with receiver.listening() as port:
        row = await deliver(tmp_path, f"http://127.0.0.1:{port}/", refused=True)

    assert receiver.requests == []
    assert row.report is not None
    assert not row.report.failed.retryable
    assert row.report.failed.error.type == "AddressRefused"
