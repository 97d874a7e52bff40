"""Compiles the transcoder, if there is a compiler."""

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
EXTENSION: Final = HERE / "_transcoder.abi3.so"
_FLAGS: Final = ("-std=c11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
_SLOWER: Final = "the codec runs in Python, several times slower"


def build(extension: Path = EXTENSION) -> str:
    """Compile the transcoder unless it is there already. Returns one sentence that says what became of it."""
    # Asked of the file, as this process may have loaded an older one.
    if extension.exists() and digest().encode() in extension.read_bytes():
        return f"{extension.name} is up to date."
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        # The stable ABI does not exist there: https://docs.python.org/3/howto/free-threading-extensions.html
        return f"Free-threaded Python has no stable ABI: {_SLOWER}."
    compiler = find_compiler()
    if compiler is None:
        return f"There is no C compiler (CC, cc, gcc, clang or the package ziglang): {_SLOWER}."
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").exists():
        return f"There is no {include / 'Python.h'}: {_SLOWER}."
    return _compile(extension, compiler, include)


def find_compiler() -> list[str] | None:
    """The command that compiles C; None when there is none."""
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    return None


def _compile(extension: Path, compiler: list[str], include: Path) -> str:
    with tempfile.TemporaryDirectory(dir=extension.parent) as folder:
        made = Path(folder) / extension.name
        linking = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        command = [*compiler, *_FLAGS, *linking, f"-I{include}", f'-DSOURCES="{digest()}"', "-o", str(made)]
        command.append(str(HERE / "transcoder.c"))
        try:
            outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return f"{compiler[0]} cannot be started ({error}): {_SLOWER}."
        if outcome.returncode:
            return f"{compiler[0]} cannot compile the transcoder: {_SLOWER}.\n{outcome.stderr}"
        # At once, so that a process that starts now finds the old or the new one.
        made.replace(extension)
    return f"{extension.name} was built with {compiler[0]}."


@cache
def digest() -> str:
    """Tells apart the states of the C files, and how they are compiled."""
    found = hashlib.sha256(" ".join(_FLAGS).encode())
    for file in sorted(HERE.glob("*.[ch]")):
        found.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    return found.hexdigest()[:32]
