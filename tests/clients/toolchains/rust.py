"""Rust: `cargo build`, with the crates that Cargo.lock names."""

from pathlib import Path
from typing import Final

from tests.clients.toolchains.toolchain import GENERATED, Toolchain, run


def build(folder: Path) -> list[str]:
    """Compile the example; cargo knows what is still right from last time."""
    run(
        "cargo",
        "build",
        "--quiet",
        "--locked",
        "--example",
        "follow",
        "--target-dir",
        folder,
        folder=GENERATED / "rust",
    )
    return [str(folder / "debug" / "examples" / "follow")]


TOOLCHAIN: Final = Toolchain("rust", ("cargo",), build)
