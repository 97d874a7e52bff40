"""TypeScript: modules for the Connect clients of npm, as JavaScript with declarations, so that they need no build."""

from pathlib import Path
from typing import Final

from languages.language import install, plugin_folder, protoc

PLUGIN: Final = "@bufbuild/protoc-gen-es"
VERSION: Final = "2.17.0"


class TypeScript:
    """Messages and services for `@bufbuild/protobuf` 2 and `@connectrpc/connect` 2."""

    name = "typescript"
    programs = ("node", "npm")
    committed = True

    def generate(self, folder: Path) -> None:
        """Write `switchyard/bots/v1/*_pb.js` and `*_pb.d.ts` and so on beside package.json."""
        # With Google's own files, which the runtime does not carry; that of options is needed to read ours.
        options = "target=js+dts,import_extension=js"
        protoc(f"--plugin=protoc-gen-es={self.plugin()}", f"--es_out={options}:{folder}", google=True)

    def plugin(self) -> Path:
        """Return the plugin, installed if it is not there."""
        folder = plugin_folder(self.name) / VERSION
        program = folder / "node_modules" / ".bin" / "protoc-gen-es"
        if not program.exists():
            folder.mkdir(exist_ok=True)
            (folder / "package.json").write_text("{}")
            flags = ("--save-exact", "--ignore-scripts", "--no-audit", "--no-fund")
            install("npm", "install", *flags, f"{PLUGIN}@{VERSION}", folder=folder)
        return program


LANGUAGE: Final = TypeScript()
