"""C#: sources of a .NET project, messages by protoc.

The stubs are made when that project is built: gRPC's plugin for C# comes in NuGet's `Grpc.Tools` only, which is there
by then. So the contract lies beside the sources.
"""

import shutil
from pathlib import Path
from typing import Final

from languages.language import PROTO, protoc, sources


class CSharp:
    """The project `Switchyard.Client`; its namespaces follow the proto packages."""

    name = "csharp"
    programs = ()
    # As for Java.
    committed = False

    def generate(self, folder: Path) -> None:
        """Write one file of messages per file of the contract, and a copy of the contract."""
        messages = folder / "Messages"
        messages.mkdir()
        # Without a base namespace all files would go to one folder, where several have the same name.
        protoc(f"--csharp_out={messages}", "--csharp_opt=base_namespace=")
        for name in sources(google=True):
            copy = folder / "Protos" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROTO / name, copy)


LANGUAGE: Final = CSharp()
