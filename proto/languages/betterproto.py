"""Python once more: dataclasses and asynchronous stubs, for those who prefer them to protobuf's own messages."""

import hashlib
import sys
import sysconfig
from pathlib import Path
from typing import Final

from languages.language import ROOT, install, plugin_folder, protoc

LOCK: Final = ROOT / "deploy" / "betterproto.lock"
# A package of ours holds everything: at the root of sys.path its `google` would stand before the real one.
PACKAGE: Final = "switchyard_betterproto"


class Betterproto:
    """Messages and stubs for betterproto 2 and grpclib."""

    name = "betterproto"
    programs = ()
    committed = True

    def generate(self, folder: Path) -> None:
        """Write the package `switchyard_betterproto` beside pyproject.toml."""
        package = folder / PACKAGE
        package.mkdir()
        protoc(
            f"--plugin=protoc-gen-python_betterproto={self.plugin()}",
            f"--python_betterproto_out={package}",
        )
        (package / "py.typed").touch()

    def plugin(self) -> Path:
        """Return the plugin, installed from its lock into a virtual environment of its own if it is not there."""
        folder = plugin_folder(self.name) / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
        program = folder / "bin" / "protoc-gen-python_betterproto"
        if not program.exists():
            uv = Path(sysconfig.get_path("scripts")) / "uv"
            install(uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder, folder=ROOT)
            into = ("--python", folder / "bin" / "python")
            install(uv, "pip", "install", "--quiet", *into, "--no-deps", "--require-hashes", "-r", LOCK, folder=ROOT)
        return program


LANGUAGE: Final = Betterproto()
