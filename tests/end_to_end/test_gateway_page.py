"""The start of the gateway's page, done as it says: its contract, its server, its commands, its answers."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.system import wait_until
from tests.ports import free_port

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "gateway.md"
SECTION = re.search(r"## Five minutes\n(.*?)\n## ", PAGE.read_text(), re.DOTALL)
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ (.*(?:\n    .*)*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def blocks(ports: dict[str, str]) -> dict[str, list[str]]:
    """Blocks of the section by language, with the ports of the page replaced."""
    assert SECTION is not None
    text = SECTION[1]
    for printed, free in ports.items():
        text = text.replace(printed, free)
    found: dict[str, list[str]] = {}
    for language, block in BLOCK.findall(text):
        found.setdefault(language, []).append(block)
    return found


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def started(tmp_path: Path, environment: dict[str, str]) -> Iterator[dict[str, list[str]]]:
    """The page's blocks, once its server and gateway answer."""
    ports = {printed: str(free_port()) for printed in ("50061", "8061")}
    page = blocks(ports)
    (tmp_path / "library.proto").write_text(page["proto"][0])
    (tmp_path / "server.py").write_text(page["python"][0])
    make_ready, _, serve = page["bash"][0].strip().rpartition("\n")
    subprocess.run(["bash", "-ec", make_ready], cwd=tmp_path, env=environment, check=True)
    running = [
        subprocess.Popen(["bash", "-ec", f"exec {command}"], cwd=tmp_path, env=environment)
        for command in (serve, page["bash"][1].strip())
    ]
    try:
        url = f"http://127.0.0.1:{ports['8061']}/v1/shelves/1/books/7"
        wait_until(lambda: answers(url), timeout=30, what=lambda: "the gateway does not answer")
        yield page
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=20)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_the_commands_of_the_page_give_the_answers_it_shows(
    started: dict[str, list[str]], tmp_path: Path, environment: dict[str, str]
) -> None:
    examples = COMMAND.findall(started["console"][0])

    given = [
        subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True).stdout
        for command, _ in examples
    ]

    assert len(examples) == 4
    assert [answer.strip() for answer in given] == [shown.strip() for _, shown in examples]
