"""Rust: a crate of messages by prost and client stubs by tonic, which compiles without a protoc.

What makes them is a program of ours, `proto/languages/prost/`: its lock file pins both.
"""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from languages.language import PROTO, install, plugin_folder, protoc

GENERATOR: Final = PROTO / "languages" / "prost"


class Rust:
    """The crate `switchyard-client`; its modules follow the proto packages."""

    name = "rust"
    programs = ("cargo",)
    committed = True

    def generate(self, folder: Path) -> None:
        """Write one file of code per proto package, and one that makes modules of them."""
        stubs = folder / "src" / "stubs"
        stubs.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as scratch:
            descriptors = Path(scratch) / "contract.binpb"
            protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={descriptors}")
            subprocess.run([generator(), descriptors, stubs], check=True)


LANGUAGE: Final = Rust()


def generator() -> Path:
    """Build the generator, which is quick when nothing has changed since, and return it."""
    target = plugin_folder("rust") / "target"
    install("cargo", "build", "--quiet", "--locked", "--target-dir", target, folder=GENERATOR)
    return target / "debug" / "switchyard-prost"
