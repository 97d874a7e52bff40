"""Sets printed variables in a shell, and reads them as the server does."""

import subprocess
from typing import Any

from server.config import ServerConfig
from tests.end_to_end.published.facts import Fact
from tests.end_to_end.published.world import World


def read(world: World, fact: Fact, text: str | None) -> None:
    """The server understands the variables as the facts say, and the worker is given all of them."""
    variables = {name: world.fill(value) for name, value in (fact.variables or {}).items()}
    if text is not None:
        assert _set_in_a_shell(world.fill(text)) == variables
    config = ServerConfig.from_environment({**variables, "DATA_DIR": str(world.folder)})
    assert {name: plain(getattr(config, name)) for name in fact.settings or {}} == fact.settings


def _set_in_a_shell(text: str) -> dict[str, str]:
    """Return what a shell exports after `text`, without what shells set by themselves."""
    exports = [_exported(lines) for lines in ("", text)]
    return dict(exports[1].items() - exports[0].items())


def _exported(text: str) -> dict[str, str]:
    done = subprocess.run(
        ["/usr/bin/env", "-i", "bash", "-c", f"set -a\n{text}\nexec env -0"], capture_output=True, text=True, check=True
    )
    return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)


def plain(value: Any) -> Any:
    """A setting as YAML can write it."""
    if isinstance(value, frozenset | tuple):
        return sorted(plain(one) for one in value)
    return value
