"""Ruby: a gem, messages by protoc and stubs by gRPC's plugin, which Debian has in `protobuf-compiler-grpc`."""

import shutil
from pathlib import Path
from typing import Final

from languages.managed import builtin, compile_to

PLUGIN: Final = "grpc_ruby_plugin"


class Ruby:
    """The gem `switchyard-client`; its modules follow the proto packages."""

    name = "ruby"
    programs = (PLUGIN,)
    committed = True

    def generate(self, folder: Path) -> None:
        """Write one file of messages per file of the contract, and one of stubs where that has a service."""
        plugins = [builtin("ruby"), {"local": shutil.which(PLUGIN)}]
        names = [{"file_option": "ruby_package", "path": "gateway/v1", "value": "Switchyard::Gateway::V1"}]
        compile_to(folder / "lib", plugins, names)


LANGUAGE: Final = Ruby()
