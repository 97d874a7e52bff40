"""Go: one module, with a package for each folder of the contract.

Google's own packages (google.api) are upstream's: a second copy of them would not register.
"""

from pathlib import Path
from typing import Final

from languages.language import install, plugin_folder, protoc, sources

# .invalid belongs to nobody, ever, so no proxy can answer for this module. Source: RFC 6761, section 6.4.
MODULE: Final = "switchyard.invalid/go"
PLUGINS: Final = {
    "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
    "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2",
}


class Go:
    """Messages and stubs for grpc-go."""

    name = "go"
    programs = ("go",)
    committed = True

    def generate(self, folder: Path) -> None:
        """Write `switchyard/bots/v1/*.go` and so on beside go.mod."""
        plugins = [f"--plugin={name}={path}" for name, path in self.plugins().items()]
        named = [f"M{source}={package_of(source)}" for source in sources()]
        options = ",".join([f"module={MODULE}", *named])
        protoc(*plugins, f"--go_out={options}:{folder}", f"--go-grpc_out={options}:{folder}")

    def plugins(self) -> dict[str, Path]:
        """Build the plugins that are not there, and return where they all are."""
        # A folder per version: a program does not say which one it is.
        built = {}
        for name, wanted in PLUGINS.items():
            folder = plugin_folder(self.name) / wanted.rpartition("@")[2]
            folder.mkdir(exist_ok=True)
            built[name] = folder / name
            if not built[name].exists():
                install("go", "install", wanted, folder=folder, environment={"GOBIN": str(folder), "GOFLAGS": ""})
        return built


LANGUAGE: Final = Go()


def package_of(source: str) -> str:
    """Name the Go package of a file: "switchyard/bots/v1/run.proto" is in "<module>/switchyard/bots/v1;botsv1"."""
    folder = Path(source).parent
    return f"{MODULE}/{folder};{folder.parts[-2]}{folder.parts[-1]}"
