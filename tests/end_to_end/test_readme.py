"""What pages tell people to type does what they say: README, tutorial and operations, typed into a shell."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.system import ROOT, wait_until
from tests.end_to_end.walk_through import blocks_of
from tests.ports import free_port

PAGES = ("README.md", "docs/tutorial.md", "docs/how_to/operations.md")
PNG = b"\x89PNG\r\n\x1a\n"


class Walk:
    """A running system and a demo feed, and a shell that types the blocks of the pages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http_port, self.demo_port = free_port(), free_port()
        own = {"DATA_DIR": str(folder / "data"), "PORT": str(self.http_port), "GRPC_PORT": str(free_port())}
        own |= {"AGENT_PORT": str(free_port()), "BOTS_DIR": str(folder / "walk" / "bots")}
        own["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, **own}
        blocks = [block for page in PAGES for block in blocks_of(ROOT / page).items()]
        self.blocks = {name: self.relocate(text) for name, text in blocks}

    def relocate(self, text: str) -> str:
        """Put the ports and the folder of this test in the place of the pages' own."""
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.http_port}")
        return text.replace("127.0.0.1:8090", f"127.0.0.1:{self.demo_port}").replace("/tmp/walk", f"{self.folder}/walk")

    def launch(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{words[0]}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "server.cli.main", *words],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def type(self, *blocks: str) -> str:
        """Type the blocks into one shell that ends at the first command that fails; return what it showed."""
        script = "set -euo pipefail\n" + "\n".join(self.blocks[block] for block in blocks)
        done = subprocess.run(
            ["bash", "-c", script], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        shown = done.stdout + done.stderr
        assert done.returncode == 0, f"{shown}\n{self.log('up')[-3000:]}"
        return shown


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    walk = Walk(tmp_path_factory.mktemp("readme"))
    processes = [walk.launch("up"), walk.launch("demo", "--port", str(walk.demo_port))]
    wait_until(lambda: "is running" in walk.log("up"), timeout=60, what=lambda: walk.log("up"))
    yield walk
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(timeout=35)


@pytest.mark.timeout(300)
def test_the_walk_through_with_the_command(walk: Walk) -> None:
    shown = walk.type("setup", "command")

    assert "ended: success" in shown
    assert "ended: stopped" in shown
    captions = [post["caption"] for post in httpx.get(f"http://127.0.0.1:{walk.demo_port}/api/posts").json()["posts"]]
    assert {"Good morning, everybody", "The weather is fine"} <= set(captions)
    assert (walk.folder / "walk" / "artifacts" / "post-1.png").read_bytes().startswith(PNG)


@pytest.mark.timeout(300)
def test_the_walk_through_over_http(walk: Walk) -> None:
    shown = walk.type("setup", "http")

    assert "event: end" in shown
    assert (walk.folder / "walk" / "post-1.png").read_bytes().startswith(PNG)


def test_the_walk_through_of_telemetry(walk: Walk) -> None:
    shown = walk.type("telemetry")

    assert '"status":"registered"' in shown
    assert "s-1,profile_1,desktop," in shown
    assert '"avg_latency_ms":1500' in shown
    assert '"url":"1.2.3.4:12321"' in shown


def test_the_walk_through_of_workflows(walk: Walk) -> None:
    shown = walk.type("workflows")

    assert "The sum is 15" in shown
    assert '"status":"triggered","reason":"triggered by admin"' in shown
    assert '"fire_times":["' in shown
    assert '"total_robots":1' in shown


@pytest.mark.timeout(300)
def test_the_tutorial_makes_a_bot_and_shows_how_it_fails(walk: Walk) -> None:
    shown = walk.type("tutorial_write", "tutorial_run", "tutorial_break", "tutorial_http")

    assert "this is Demo feed" in shown
    assert "ended: success" in shown
    assert "exit code 1" in shown
    assert "failure.png" in shown
    assert "event: end" in shown
    assert (walk.folder / "walk" / "pictures" / "feed.png").read_bytes().startswith(PNG)


def test_a_backup_is_made_as_the_page_says(walk: Walk) -> None:
    shown = walk.type("backup")

    assert shown.count("database: sqlite") == 2
