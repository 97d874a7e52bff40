"""The languages whose examples are built and run: one module each, with one object named `TOOLCHAIN`."""

import importlib
import pkgutil

from tests.clients.toolchains.toolchain import Toolchain


def every_toolchain() -> list[Toolchain]:
    """Find them all, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = (importlib.import_module(f"{__name__}.{name}") for name in names)
    return [module.TOOLCHAIN for module in modules if hasattr(module, "TOOLCHAIN")]
