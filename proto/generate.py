"""Rebuild `generated/` from the contract and from `clients/`. Run by `make generate`.

    python proto/generate.py [--check] [LANGUAGE...]

Each folder below `generated/` is a package that builds by itself: a copy of `clients/<language>/` with the stubs beside
it. A language whose toolchain is missing is named and left as it is. With `--check` nothing is written: the exit code
says whether what the repository keeps is what the contract gives; where CI is set, a missing toolchain is a fault.
"""

import filecmp
import hashlib
import importlib
import os
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Final

import languages
from languages.language import ROOT, Language, PluginUnavailable, plugin_folder

CLIENTS: Final = ROOT / "clients"
GENERATED: Final = ROOT / "generated"
# What building or running in a package's folder leaves there.
LEFTOVERS: Final = ("__pycache__", "*.egg-info", "node_modules", "build", "dist", "target", "obj", ".venv")

# What decides how the packages come out, below the root; and what some languages read besides.
READ_BY_ALL: Final = ("proto", "deploy")
READ_BESIDES: Final = {"openapi": ("gateway", "server/rpc", "generated/python")}


def main(arguments: list[str]) -> int:
    """Rebuild or compare the languages that `arguments` name, all if none; return the exit code."""
    checking = "--check" in arguments
    named = {argument for argument in arguments if argument != "--check"}
    chosen = [language for language in every_language() if not named or language.name in named]
    if unknown := named - {language.name for language in chosen}:
        say(f"proto/languages has no {', '.join(sorted(unknown))}")
        return 2
    errand = partial(attempt, check if checking else rebuild)
    # The first is Python, if it is chosen, which others read; for the rest programs run beside this one.
    first, *others = chosen
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return max(errand(first), *pool.map(errand, others), 0)


def attempt(errand: Callable[[Language], int], language: Language) -> int:
    """Run `errand` if what it needs is there, else say what is not; return the exit code."""
    missing = [f"no {program} here" for program in language.programs if shutil.which(program) is None]
    try:
        return skip(language, missing[0]) if missing else errand(language)
    except PluginUnavailable as unavailable:
        return skip(language, str(unavailable))


def skip(language: Language, reason: str) -> int:
    """Say why `language` is passed over; return the exit code that has."""
    say(f"{language.name}: skipped, {reason}")
    return 1 if "CI" in os.environ else 0


def every_language() -> list[Language]:
    """Find the languages there are: Python first, as what the gateway writes about the contract reads it there."""
    found = (module.name for module in pkgutil.iter_modules(languages.__path__))
    names = sorted(found, key=lambda name: (name != "python", name))
    modules = (importlib.import_module(f"languages.{name}") for name in names)
    return [module.LANGUAGE for module in modules if hasattr(module, "LANGUAGE")]


def rebuild(language: Language) -> int:
    """Make `generated/<language>/` what the contract gives, without touching the files that are right."""
    present = GENERATED / language.name
    with tempfile.TemporaryDirectory() as scratch:
        fresh = generate(language, Path(scratch))
        for name in sorted(differences(fresh, present)):
            settle(fresh / name, present / name)
    return 0


def check(language: Language) -> int:
    """Print each file of `generated/<language>/` that is not what the contract gives; return 1 if there is one."""
    if not language.committed:
        return 0
    passed, read = plugin_folder(language.name) / "passed", digest(language)
    if passed.exists() and passed.read_text() == read:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        fresh = generate(language, Path(scratch))
        stale = sorted(differences(fresh, GENERATED / language.name))
    for name in stale:
        say(f"generated/{language.name}/{name} is not what proto/ and clients/ give; run `make generate`")
    if not stale:
        passed.write_text(read)
    return 1 if stale else 0


def digest(language: Language) -> str:
    """Return a fingerprint of all that a check of `language` reads: what has passed once need not be made again."""
    whole = hashlib.sha256()
    places = (
        *READ_BY_ALL,
        f"clients/{language.name}",
        f"generated/{language.name}",
        *READ_BESIDES.get(language.name, ()),
    )
    for place in places:
        for path in sorted((ROOT / place).rglob("*")):
            name = path.relative_to(ROOT)
            if path.is_file() and not is_leftover(name):
                whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def generate(language: Language, scratch: Path) -> Path:
    """Write the whole package of `language` into a folder below `scratch` and return it."""
    fresh = scratch / language.name
    if (CLIENTS / language.name).is_dir():
        shutil.copytree(CLIENTS / language.name, fresh, ignore=shutil.ignore_patterns(*LEFTOVERS))
    else:
        fresh.mkdir()
    language.generate(fresh)
    return fresh


def differences(fresh: Path, present: Path) -> Iterator[Path]:
    """Yield the files that are not the same in both folders, relative to them."""
    names = {path.relative_to(folder) for folder in (fresh, present) for path in folder.rglob("*")}
    for name in names:
        if is_leftover(name) or (fresh / name).is_dir():
            continue
        twins = fresh / name, present / name
        if not all(twin.is_file() for twin in twins) or not filecmp.cmp(*twins, shallow=False):
            yield name


def is_leftover(name: Path) -> bool:
    """Whether a build or a run left this file, or a folder it is in."""
    return any(fnmatch(part, leftover) for part in name.parts for leftover in LEFTOVERS)


def settle(wanted: Path, present: Path) -> None:
    """Make `present` the file that `wanted` is, or nothing where that is nothing."""
    if wanted.exists():
        present.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wanted, present)
    elif present.is_dir():
        shutil.rmtree(present)
    else:
        present.unlink(missing_ok=True)


def say(sentence: str) -> None:
    """Print `sentence`: what this program answers."""
    print(sentence, flush=True)  # noqa: T201 -- its answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
