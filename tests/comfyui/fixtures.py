"""Fixtures to import into a conftest: a ComfyUI in process, one as a process, nginx in front of either."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.comfyui.frontends import NEWEST, frontend
from tests.comfyui.nginx import Nginx, program
from tests.comfyui.process import ComfyUIProcess
from tests.comfyui.server import ComfyUI

NginxInFront = Callable[[str, Mapping[str, str]], Nginx]


@pytest.fixture
def frontend_version() -> str:
    """Which front end is served; parametrize a test with this name to have another one."""
    return NEWEST


@pytest.fixture
async def comfyui(tmp_path: Path, frontend_version: str) -> AsyncIterator[ComfyUI]:
    """A ComfyUI on the loop of the test, at a free port."""
    async with ComfyUI(tmp_path / "comfyui", frontend(frontend_version)) as comfyui:
        yield comfyui


@pytest.fixture
def comfyui_process(tmp_path: Path, frontend_version: str) -> Iterator[ComfyUIProcess]:
    """A ComfyUI that can be killed and started again at the same address."""
    process = ComfyUIProcess(tmp_path / "comfyui", frontend_version)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def nginx_in_front(tmp_path: Path) -> Iterator[NginxInFront]:
    """Starts an nginx before an address, for users and their passwords. Skips where there is no nginx."""
    if program() is None:
        pytest.skip("nginx is not installed; as root on Debian: apt-get install nginx-light")
    with ExitStack() as started:

        def start(upstream: str, users: Mapping[str, str]) -> Nginx:
            return started.enter_context(Nginx(tmp_path / "nginx", upstream, users))

        yield start
