"""betterproto: a wheel as for Python."""

from typing import Final

from tests.clients.toolchains.python import install
from tests.clients.toolchains.toolchain import GENERATED, Toolchain

TOOLCHAIN: Final = Toolchain("betterproto", (), lambda folder: install(GENERATED / "betterproto", folder))
