"""Bots run by `python -m workers` as it is, with the real engine and a real browser."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from tests.integration.workers.board import Row, until
from tests.integration.workers.conftest import System
from tests.ports import free_port

CONFIG = "bot_code: {code}\nheadless: true\ntimezone: Europe/Amsterdam\nphases: {phases}\n"


def add_bot(system: System, code: str, *, phases: str = "[]", timeout: float = 60) -> Row:
    files = {"config.yaml": CONFIG.format(code=code, phases=phases).encode(), "state/kept": b""}
    return system.board.add("run_bot", bots_pb.RunBot(bot_code=code), files=files, timeout=timeout)


@pytest.fixture
async def page() -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<h1 id=title>Hello</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/"
    await runner.cleanup()


async def test_noop_runs_to_its_end(system: System) -> None:
    row = add_bot(system, "noop")

    await system.start_worker(module="workers")
    await until(lambda: row.report is not None)

    assert row.report is not None
    assert row.report.WhichOneof("outcome") == "success"
    assert set(row.artifacts) == {"result.json"}


@pytest.mark.parametrize("code_and_phases", [("unknown", "[]"), ("noop", "[{name: x, steps: [{fly: 1}]}]"), ("x", "[")])
async def test_a_bot_that_cannot_be_understood_ends_as_config_invalid(
    system: System, code_and_phases: tuple[str, str]
) -> None:
    code, phases = code_and_phases
    row = add_bot(system, code, phases=phases)

    await system.start_worker(module="workers")
    await until(lambda: row.report is not None)

    assert row.report is not None
    assert (row.report.failed.error.type, row.report.failed.retryable) == ("ConfigInvalid", False)
    assert row.texts[-1].startswith("ConfigInvalid: ")


async def test_a_browser_bot_leaves_its_pictures_and_no_process(system: System, page: str) -> None:
    phases = f'[{{name: look, steps: [{{goto: "{page}"}}, {{extract: {{selector: "#title", into: t}}}}, screenshot]}}]'
    row = add_bot(system, "looker", phases=phases)

    worker = await system.start_worker(module="workers", CHROMIUM_PATH="/usr/bin/chromium")
    await until(lambda: row.report is not None)

    assert row.report is not None
    assert row.report.WhichOneof("outcome") == "success", row.texts
    assert any(data.startswith(b"\x89PNG") for data in row.artifacts.values())
    assert worker.returncode is None
