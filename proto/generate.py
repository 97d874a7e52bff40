"""Rebuild `generated/` from the contract. Run by `make generate`; needs nothing but the locked environment.

With `--check` nothing is written: the exit code says whether `generated/` is what the contract gives.

Python modules follow the proto packages, with one exception: `gateway.v1` becomes `gateway_options.v1`, because
`gateway` is already the name of the program that reads those options.
"""

import filecmp
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

PROTO = Path(__file__).parent
PYTHON = PROTO.parent / "generated" / "python"
OPTIONS = re.compile(r"(?<![\w/.\"'])gateway\.v1\b(?=[. ])")


def main(arguments: list[str]) -> int:
    """Rebuild `generated/`, or with `--check` compare it; return the exit code."""
    if arguments == ["--check"]:
        return check()
    generate(PYTHON)
    return 0


def generate(folder: Path) -> None:
    """Empty `folder` and write the messages, stubs and type information of the whole contract to it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    compile_to(folder)
    (folder / "gateway").rename(folder / "gateway_options")
    (folder / "contract.binpb").rename(folder / "switchyard" / "contract.binpb")
    for module in sorted(folder.rglob("*.py*")):
        rename_options(module)
    for package in sorted({module.parent for module in folder.rglob("*.py")}):
        make_packages(package, root=folder)


def check() -> int:
    """Print each file of `generated/` that differs from what the contract gives; return 1 if there is one."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "python"
        generate(fresh)
        stale = sorted(differences(fresh, PYTHON))
    for name in stale:
        print(f"generated/python/{name} is not what proto/ gives; run `make generate`")  # noqa: T201 -- its answer
    return 1 if stale else 0


def differences(fresh: Path, present: Path) -> Iterator[Path]:
    """Yield the files that are not the same in both folders, relative to them."""
    names = {path.relative_to(folder) for folder in (fresh, present) for path in folder.rglob("*")}
    for name in names:
        if "__pycache__" in name.parts or (fresh / name).is_dir():
            continue
        twins = fresh / name, present / name
        if not all(twin.is_file() for twin in twins) or not filecmp.cmp(*twins, shallow=False):
            yield name


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
        # The whole contract with its comments, for documentation and for gateways that run apart.
        f"--descriptor_set_out={folder / 'contract.binpb'}",
        "--include_source_info",
        "--include_imports",
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


def make_packages(folder: Path, *, root: Path) -> None:
    """Put an `__init__.py` into `folder` and the folders above it, up to `root`, which gets none."""
    while folder != root:
        (folder / "__init__.py").touch()
        folder = folder.parent


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
