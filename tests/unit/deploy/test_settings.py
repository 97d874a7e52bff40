"""Compose, Kubernetes and nginx tell the programs only what these understand, and agree with one another."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.arguments import read_arguments
from server.config import SECRETS, ServerConfig
from server.migrate import read_arguments as read_migrate_arguments
from tests.unit.deploy.deployment import DEPLOY, OWN_IMAGES, compose, containers, make_secrets, pods, settings, stages
from workers.config import read_config

SERVER_VARIABLES = {field.upper() for field in ServerConfig.__dataclass_fields__}
PORTS = {"main": 8000, "agent": 8080}


def gateway_commands() -> list[list[str]]:
    """The command of the gateway, as each deployment has it."""
    (container,) = pods()["gateway"]["containers"]
    variables = settings("gateway-settings")
    expanded = [re.sub(r"\$\((\w+)\)", lambda name: variables[name[1]], word) for word in container["args"]]
    return [compose()["services"]["gateway"]["command"], expanded]


def server_environments(secrets: dict[str, str]) -> list[dict[str, str]]:
    """What a server is told, as each deployment has it."""
    service = compose()["services"]["server"]
    assert pods()["server"]["containers"][0]["envFrom"] == [
        {"configMapRef": {"name": "server-settings"}},
        {"secretRef": {"name": "switchyard"}},
    ]
    composed = service["environment"] | {name: secrets[name] for name in service["secrets"]}
    return [composed, settings("server-settings") | secrets]


@pytest.mark.parametrize("command", gateway_commands(), ids=["compose", "kubernetes"])
def test_the_gateway_understands_what_it_is_told(command: list[str]) -> None:
    assert command[:3] == ["python", "-m", "gateway"]

    asked = read_arguments(command[3:])

    assert {one.listener: one.port for one in asked.listen} == PORTS
    assert asked.probes == ("0.0.0.0", 8081)
    assert [target.rpartition(":")[2] for target in asked.backend] == ["50051"]
    assert asked.drain > 0


@pytest.mark.parametrize("place", [0, 1], ids=["compose", "kubernetes"])
def test_the_server_understands_what_it_is_told(tmp_path: Path, place: int) -> None:
    secrets = make_secrets(tmp_path / "secrets")
    environment = server_environments(secrets)[place]
    # What the databases are told stands in the same Secret.
    told = set(environment) - {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}

    config = ServerConfig.from_environment(environment | {"DATA_DIR": str(tmp_path)})

    assert told <= SERVER_VARIABLES
    assert (config.host, config.grpc_host, config.grpc_port, config.migrate_at_start) == (
        *("0.0.0.0", "0.0.0.0", 50051),
        False,
    )
    # Servers that made their own would not know one another's.
    assert set(SECRETS) <= told
    assert config.database_url.startswith("postgresql://")


def test_the_worker_understands_what_it_is_told() -> None:
    service, (container,) = compose()["services"]["worker"], pods()["worker"]["containers"]
    known = set(re.findall(r'"([A-Z][A-Z_]+)"', Path("workers/config.py").read_text()))
    composed = service["environment"] | dict.fromkeys(service["secrets"], "redis://valkey:6379/0")
    ordered = settings("worker-settings") | {one["name"]: "redis://valkey:6379/0" for one in container["env"]}

    for told in (composed, ordered):
        assert set(told) <= known
        assert read_config(told).server.endswith("server:50051")
        assert read_config(told).worker_token


def test_secrets_that_are_asked_for_are_made(tmp_path: Path) -> None:
    made = set(make_secrets(tmp_path / "secrets"))
    asked = {
        source["secretKeyRef"]["key"]
        for pod in pods().values()
        for container in containers(pod)
        for variable in container.get("env", ())
        if "secretKeyRef" in (source := variable.get("valueFrom", {}))
    }
    overlay = (DEPLOY / "kubernetes" / "overlays" / "complete" / "kustomization.yaml").read_text()

    assert asked <= made
    assert set(re.findall(r"- secrets/(\w+)", overlay)) == made
    assert {Path(one["file"]).name for one in compose()["secrets"].values()} == made


def commands() -> list[list[str]]:
    """Every command that is `python -m MODULE ...`."""
    composed = [service.get("command") for service in compose()["services"].values()]
    ordered: list[Any] = [
        one.get(key) for pod in pods().values() for one in containers(pod) for key in ("args", "command")
    ]
    built = [re.findall(r'"([^"]+)"', stage.last("CMD")) for stage in stages()]
    found = [command for command in [*composed, *ordered, *built] if command and "-m" in command]
    return [command[command.index("-m") + 1 :] for command in found]


def test_every_program_that_is_started_is_there() -> None:
    modules = {module for module, *_ in commands()}

    assert modules == {"server", "server.migrate", "gateway", "workers"}
    assert all(importlib.util.find_spec(module) for module in modules)


def test_migrations_understand_what_they_are_told() -> None:
    asked = [read_migrate_arguments(rest) for module, *rest in commands() if module == "server.migrate"]

    # The job of each deployment changes the database, and servers of Kubernetes wait for it.
    assert sorted((one.check, one.wait > 0) for one in asked) == [(False, True), (False, True), (True, True)]


def test_the_contract_lies_where_the_image_has_it() -> None:
    python = re.match(r"python:(3\.\d+)", stages()[0].base)
    assert python is not None

    for command in gateway_commands():
        assert (
            f"--descriptor-set=/opt/switchyard/lib/python{python[1]}/site-packages/switchyard/contract.binpb" in command
        )


def test_nginx_sends_requests_where_the_gateways_listen() -> None:
    text = (DEPLOY / "nginx.conf").read_text()

    assert re.findall(r"server gateway:(\d+)", text) == [str(port) for port in PORTS.values()]
    assert re.findall(r"listen (\d+);", text) == [str(port) for port in PORTS.values()]
    assert compose()["services"]["nginx"]["ports"] == [f"{port}:{port}" for port in PORTS.values()]


def test_images_are_built_from_the_targets_of_the_one_dockerfile_or_pinned() -> None:
    built = {
        one["image"].partition(":")[0]: one["build"]["target"]
        for one in compose()["services"].values()
        if "build" in one
    }
    others = {one["image"] for one in compose()["services"].values() if "build" not in one}
    ordered = {one["image"] for pod in pods().values() for one in containers(pod)}

    assert built == OWN_IMAGES
    assert set(OWN_IMAGES) <= ordered
    for image in others | (ordered - set(OWN_IMAGES)):
        assert re.search(r":\d+\.\d+", image), image
