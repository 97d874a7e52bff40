"""What the contract has, a server serves."""

import importlib
import pkgutil
from pathlib import Path

import switchyard
from server.config import ServerConfig
from server.credentials import load_credentials
from server.database.database import open_database
from server.parts import build
from tests.integration.database.databases import server_settings


def names_in_the_contract() -> set[str]:
    modules = (module.name for module in pkgutil.walk_packages(switchyard.__path__, "switchyard."))
    descriptors = (importlib.import_module(name).DESCRIPTOR for name in modules if name.endswith("_pb2"))
    return {service.full_name for file in descriptors for service in file.services_by_name.values()}


async def test_every_service_of_the_contract_is_served(tmp_path: Path) -> None:
    config = ServerConfig.from_environment(server_settings(tmp_path, {"DATA_DIR": str(tmp_path)}))
    database = await open_database(config.database_url)

    parts = await build(config, load_credentials(config), database, start_time=0)

    served = {service.full_name for service in parts.handlers.services()}
    await database.close()
    assert served == names_in_the_contract()


async def test_every_method_of_the_contract_is_done_by_somebody(tmp_path: Path) -> None:
    config = ServerConfig.from_environment(server_settings(tmp_path, {"DATA_DIR": str(tmp_path)}))
    database = await open_database(config.database_url)

    parts = await build(config, load_credentials(config), database, start_time=0)

    await database.close()
    left = [
        f"{service.full_name}/{method.name}"
        for handler, service in zip(parts.handlers.generic, parts.handlers.services(), strict=True)
        for method in service.methods
        if left_to_its_base(handler, f"/{service.full_name}/{method.name}")
    ]
    assert left == []


def left_to_its_base(handler: object, method: str) -> bool:
    """Whether nobody has written the method, so that the generated base would refuse it."""
    found = handler.service(_Details(method))  # type: ignore[attr-defined]
    behavior = found.unary_unary or found.unary_stream or found.stream_unary or found.stream_stream
    return bool(behavior.__module__.endswith("_pb2_grpc"))


class _Details:
    """What a generic handler is asked with."""

    invocation_metadata = ()

    def __init__(self, method: str) -> None:
        self.method = method
