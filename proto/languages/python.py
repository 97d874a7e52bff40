"""Python: messages, stubs and type information, and the resources of the client library.

Modules follow the proto packages, with one exception: `gateway.v1` becomes `gateway_options.v1`, because `gateway` is
already the name of the program that reads those options.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from languages import python_resources
from languages.language import PROTO, sources

OPTIONS: Final = re.compile(r"(?<![\w/.\"'])gateway\.v1\b(?=[. ])")
STUBS: Final = ("switchyard", "gateway_options")


class Python:
    """The package the server itself imports, and the one that clients install."""

    name = "python"
    programs = ()
    committed = True

    def generate(self, folder: Path) -> None:
        """Write messages, stubs and type information, the contract as descriptors, and the library's resources."""
        compile_to(folder)
        (folder / "gateway").rename(folder / "gateway_options")
        (folder / "contract.binpb").rename(folder / "switchyard" / "contract.binpb")
        for name in STUBS:
            for module in sorted((folder / name).rglob("*.py*")):
                rename_options(module)
            for package in sorted({module.parent for module in (folder / name).rglob("*.py")}):
                make_packages(package, root=folder)
        python_resources.write(folder)


LANGUAGE: Final = Python()


def compile_to(folder: Path) -> None:
    """Run protoc over our own files; Google's come compiled in `googleapis-common-protos`."""
    plugins = Path(sysconfig.get_path("scripts"))
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{PROTO}",
        f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
        f"--python_out={folder}",
        f"--grpc_python_out={folder}",
        f"--mypy_out=quiet:{folder}",
        f"--mypy_grpc_out=quiet:{folder}",
        # The whole contract with its comments, for documentation and for gateways that run apart.
        f"--descriptor_set_out={folder / 'contract.binpb'}",
        "--include_source_info",
        "--include_imports",
        *sources(),
    ]
    subprocess.run(command, check=True)
    for grpc_module in folder.rglob("*_pb2_grpc.py"):
        if "class " not in grpc_module.read_text():  # a file without a service
            grpc_module.unlink()
            grpc_module.with_suffix(".pyi").unlink(missing_ok=True)


def rename_options(module: Path) -> None:
    """Let `module` import the options from where they stand in Python."""
    text = module.read_text()
    module.write_text(OPTIONS.sub("gateway_options.v1", text))


def make_packages(folder: Path, *, root: Path) -> None:
    """Put an `__init__.py` into `folder` and the folders above it, up to `root`, which gets none."""
    while folder != root:
        (folder / "__init__.py").touch()
        folder = folder.parent
