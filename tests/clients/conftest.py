"""One system for the clients of all languages, and what is built of them, once each."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients.page_server import serve_folder
from tests.clients.toolchains import every_toolchain
from tests.clients.toolchains.toolchain import Toolchain
from tests.clients.toolchains.typescript import page_folder
from tests.end_to_end.system import System

TOOLCHAINS = {toolchain.name: toolchain for toolchain in every_toolchain()}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a language with each of them, unless it names one."""
    if "language" in metafunc.fixturenames and not metafunc.definition.get_closest_marker("parametrize"):
        metafunc.parametrize("language", TOOLCHAINS)


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Origin of the page of the example for browsers."""
    page_folder().mkdir(parents=True, exist_ok=True)
    with serve_folder(page_folder()) as origin:
        yield origin


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[System]:
    """A started system whose gateway lets the page call it."""
    with System(tmp_path_factory.mktemp("system"), {"CORS_ALLOWED_ORIGINS": site}) as system:
        system.start()
        yield system


@pytest.fixture(scope="session")
def builds(request: pytest.FixtureRequest) -> Iterator[Callable[[Toolchain], list[str]]]:
    """Gives the command of an example, which waits for its build: all that are asked for are built beside the tests."""
    asked = {item.callspec.params.get("language") for item in request.session.items if hasattr(item, "callspec")}
    # Compilers use several cores themselves, fetching uses none.
    with ThreadPoolExecutor(2) as pool:
        there = [toolchain for name, toolchain in TOOLCHAINS.items() if name in asked and not toolchain.missing()]
        running = {toolchain.name: pool.submit(toolchain.built) for toolchain in there}
        yield lambda toolchain: running[toolchain.name].result()
        for build in running.values():
            build.cancel()


@pytest.fixture
def toolchain(language: str) -> Toolchain:
    """The toolchain of a language, if it is there. In CI none may be missing that can be had there."""
    found = TOOLCHAINS[language]
    if missing := found.missing():
        end = pytest.fail if "CI" in os.environ and found.in_ci else pytest.skip
        end(f"{language}: there is no {', no '.join(missing)} here")
    return found


@pytest.fixture
def example(toolchain: Toolchain, builds: Callable[[Toolchain], list[str]]) -> list[str]:
    """The command that runs the example of a language."""
    return builds(toolchain)
