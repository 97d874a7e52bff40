"""Rebuild `generated/` from the contract. Run by `make generate`; needs nothing but the locked environment.

Python modules follow the proto packages, with one exception: `gateway.v1` becomes `gateway_options.v1`, because
`gateway` is already the name of the program that reads those options.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PROTO = Path(__file__).parent
PYTHON = PROTO.parent / "generated" / "python"
OPTIONS = re.compile(r"(?<![\w/.\"'])gateway\.v1\b(?=[. ])")


def main() -> None:
    """Write the Python messages, stubs and type information of every file of the contract."""
    shutil.rmtree(PYTHON, ignore_errors=True)
    PYTHON.mkdir(parents=True)
    compile_to(PYTHON)
    (PYTHON / "gateway").rename(PYTHON / "gateway_options")
    for module in sorted(PYTHON.rglob("*.py*")):
        rename_options(module)
    for folder in sorted({module.parent for module in PYTHON.rglob("*.py")}):
        make_packages(folder)


def compile_to(folder: Path) -> None:
    """Run protoc over our own files; Google's come compiled in `googleapis-common-protos`."""
    sources = sorted(str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto") if "google" not in p.parts)
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
        *sources,
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


def make_packages(folder: Path) -> None:
    """Put an `__init__.py` into `folder` and the folders above it, up to the root of the output."""
    while folder != PYTHON:
        (folder / "__init__.py").touch()
        folder = folder.parent


if __name__ == "__main__":
    main()
