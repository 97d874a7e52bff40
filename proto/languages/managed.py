"""Stubs whose packages a language wants named otherwise than the contract names them.

The names are laid over the files as they are compiled (buf calls it managed mode), so that the contract says nothing
of languages.
"""

import json
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from languages.language import PROTO

PROGRAMS: Final = Path(sysconfig.get_path("scripts"))


def compile_to(folder: Path, plugins: Sequence[Mapping[str, Any]], names: Sequence[Mapping[str, str]]) -> None:
    """Run `plugins`, as `buf.gen.yaml` describes them but without `out`, over our own files, and write to `folder`.

    `names` are overrides of file options, as there. Google's files keep the names that Google gave them; what is made
    of them comes with each language's own packages.
    """
    template = {
        "version": "v2",
        "managed": {"enabled": True, "disable": [{"path": "google/api"}], "override": list(names)},
        "plugins": [{**plugin, "out": str(folder)} for plugin in plugins],
        "inputs": [{"directory": PROTO.name, "exclude_paths": [f"{PROTO.name}/google"]}],
    }
    command = [str(PROGRAMS / "buf"), "generate", "--template", json.dumps(template)]
    subprocess.run(command, cwd=PROTO.parent, check=True)


def builtin(language: str, **more: Any) -> dict[str, Any]:
    """Describe the plugin for messages of a language that protoc knows itself."""
    return {"protoc_builtin": language, "protoc_path": [str(PROGRAMS / "protoc")], **more}
