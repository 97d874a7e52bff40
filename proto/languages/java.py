"""Java: sources of a Maven project, messages by protoc and stubs by grpc-java's plugin."""

import platform
from pathlib import Path
from typing import Final

from languages.language import PluginUnavailable, install, plugin_folder
from languages.managed import builtin, compile_to

# That of the runtime in clients/java/pom.xml.
GRPC: Final = "1.83.1"
DEPENDENCY_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
# How grpc-java calls what Python calls so: https://github.com/grpc/grpc-java/tree/master/compiler
SYSTEMS: Final = {"Linux": "linux", "Darwin": "osx", "Windows": "windows"}
MACHINES: Final = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "aarch_64", "arm64": "aarch_64"}


class Java:
    """The Maven project `dev.switchyard:switchyard-client`, whose packages are `dev.` and the contract's."""

    name = "java"
    programs = ("mvn",)
    # 23 MB, and each changed comment of the contract would change thousands of lines.
    committed = False

    def generate(self, folder: Path) -> None:
        """Write one file per message, enum and service."""
        plugins = [
            builtin("java"),
            # Without it the code wants an annotation that Java has dropped.
            {"local": str(grpc_plugin()), "opt": ["@generated=omit"]},
        ]
        names = [
            {"file_option": "java_package_prefix", "value": "dev"},
            {"file_option": "java_package", "path": "gateway/v1", "value": "dev.switchyard.gateway.v1"},
        ]
        compile_to(folder / "src" / "main" / "java", plugins, names)


LANGUAGE: Final = Java()


def grpc_plugin() -> Path:
    """Return the plugin for this machine, fetched when it is not there yet.

    Raises:
        PluginUnavailable: there is none for this machine, or it could not be had.
    """
    system, machine = SYSTEMS.get(platform.system()), MACHINES.get(platform.machine())
    if system is None or machine is None:
        raise PluginUnavailable(f"grpc-java has no plugin for {platform.system()} on {platform.machine()}")
    folder = plugin_folder("java")
    plugin = folder / f"protoc-gen-grpc-java-{GRPC}-{system}-{machine}.exe"
    if not plugin.exists():
        artifact = f"io.grpc:protoc-gen-grpc-java:{GRPC}:exe:{system}-{machine}"
        goal = f"{DEPENDENCY_PLUGIN}:copy"
        options = ["-q", "-B", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
        install("mvn", goal, *options, folder=folder)
        plugin.chmod(0o755)
    return plugin
