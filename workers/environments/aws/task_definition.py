"""What a task is to be: pure, from a plan to what ECS wants to hear."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from workers.environments.aws import names
from workers.environments.aws.settings import Settings
from workers.environments.provider import IDE_PORT, SSH_PORT, WORKSPACE, Plan, ProviderFailed

# Least and most memory in GB by cores, from 1 to 4.
# Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
FARGATE_SIZES: Final[Mapping[int, tuple[int, int]]] = {1: (2, 8), 2: (4, 16), 4: (8, 30)}

# Asks the editor, with whatever the image has to ask with; an image that has nothing counts as ready at once.
EDITOR_CHECK: Final = (
    f"if command -v curl; then curl -sko /dev/null https://127.0.0.1:{IDE_PORT}/ ; "
    f"elif command -v wget; then wget -qO /dev/null --no-check-certificate https://127.0.0.1:{IDE_PORT}/ ; "
    "else true; fi >/dev/null 2>&1"
)
# A failure is written to the log, and stops nothing.
STARTUP: Final = f'cd {WORKSPACE} && sh -c "$STARTUP_SCRIPT" || echo "the startup script failed with exit code $?"'
# What it is sure to have of the task.
STARTUP_CPU: Final = 256
STARTUP_MEMORY_MB: Final = 512
ERASE: Final = f"chmod -R u+rwX {WORKSPACE}; find {WORKSPACE} -mindepth 1 -delete"
# What changes when the definition does.
FINGERPRINT: Final = "switchyard-fingerprint"


def fargate_size(cpu_cores: int, memory_gb: int) -> tuple[int, int]:
    """Return the smallest size of Fargate that has so many cores and so much memory: cores, and GB.

    Raises:
        ProviderFailed: there is none.
    """
    for cores, (least, most) in FARGATE_SIZES.items():
        if cores >= cpu_cores and most >= memory_gb:
            return cores, max(least, memory_gb)
    raise ProviderFailed("AWS has no machine of that size", kind="ProviderQuota")


def environment_definition(plan: Plan, settings: Settings, *, access_point: str, secret: str) -> dict[str, Any]:
    """Return the definition of an environment; its secrets are only referred to."""
    cores, memory_gb = fargate_size(plan.cpu_cores, plan.memory_gb)
    container: dict[str, Any] = {
        "name": names.CONTAINER,
        "image": plan.image,
        "essential": True,
        "cpu": plan.cpu_cores * 1024,
        "memory": plan.memory_gb * 1024,
        "portMappings": [{"containerPort": port, "protocol": "tcp"} for port in _ports(plan)],
        "environment": [{"name": name, "value": value} for name, value in sorted(_variables(plan).items())],
        "secrets": [{"name": name, "valueFrom": f"{secret}:{name}::"} for name in sorted(plan.secrets)],
        "mountPoints": [{"sourceVolume": "workspace", "containerPath": WORKSPACE}],
        "linuxParameters": {"initProcessEnabled": True},
        "healthCheck": {
            "command": ["CMD-SHELL", EDITOR_CHECK],
            "interval": 10,
            "timeout": 5,
            "retries": 6,
            "startPeriod": 300,
        },
        "logConfiguration": _log(settings, plan.environment_id),
    }
    family = names.service_name(plan.environment_id)
    containers = [container]
    if plan.startup_script:
        container["dependsOn"] = [{"containerName": names.STARTUP_CONTAINER, "condition": "COMPLETE"}]
        # Shares and no limits: each may use all that the other does not.
        container["cpu"] -= STARTUP_CPU
        container["memoryReservation"] = container.pop("memory") - STARTUP_MEMORY_MB
        containers.append(_startup(container, plan.startup_script))
    definition = _definition(family, settings, containers, cores=cores, memory_gb=memory_gb, access_point=access_point)
    if settings.task_role is not None:
        definition["taskRoleArn"] = settings.task_role
    return _tagged(definition, plan.environment_id)


def eraser_definition(environment_id: str, settings: Settings, *, access_point: str) -> dict[str, Any]:
    """Return the definition of what erases the files behind an access point, and can reach no others."""
    container = {
        "name": names.CONTAINER,
        "image": settings.eraser_image,
        "essential": True,
        "cpu": 1024,
        "memory": 2048,
        "entryPoint": ["sh", "-c"],
        "command": [ERASE],
        "mountPoints": [{"sourceVolume": "workspace", "containerPath": WORKSPACE}],
        "logConfiguration": _log(settings, environment_id),
    }
    family = names.eraser_name(environment_id)
    definition = _definition(family, settings, [container], cores=1, memory_gb=2, access_point=access_point)
    return _tagged(definition, environment_id)


def network(settings: Settings) -> dict[str, Any]:
    """Return the network of each task: an address of its own that is reached from outside."""
    return {
        "awsvpcConfiguration": {
            "subnets": list(settings.subnets),
            "securityGroups": list(settings.security_groups),
            "assignPublicIp": "ENABLED",
        }
    }


def _startup(container: dict[str, Any], script: str) -> dict[str, Any]:
    """Return what runs the script of a template in the workspace, with all that `container` is given."""
    shared = {name: container[name] for name in ("image", "secrets", "mountPoints", "logConfiguration")}
    return {
        **shared,
        "name": names.STARTUP_CONTAINER,
        "essential": False,
        "cpu": STARTUP_CPU,
        "memoryReservation": STARTUP_MEMORY_MB,
        "entryPoint": ["sh", "-c"],
        "command": [STARTUP],
        "environment": [*container["environment"], {"name": "STARTUP_SCRIPT", "value": script}],
    }


def _definition(
    family: str,
    settings: Settings,
    containers: list[dict[str, Any]],
    *,
    cores: int,
    memory_gb: int,
    access_point: str,
) -> dict[str, Any]:
    storage = {
        "fileSystemId": settings.file_system,
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": access_point, "iam": "DISABLED"},
    }
    return {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": str(cores * 1024),
        "memory": str(memory_gb * 1024),
        "executionRoleArn": settings.execution_role,
        "volumes": [{"name": "workspace", "efsVolumeConfiguration": storage}],
        "containerDefinitions": containers,
    }


def _tagged(definition: dict[str, Any], environment_id: str) -> dict[str, Any]:
    text = json.dumps(definition, sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:32]
    return {**definition, "tags": names.lower_tags(environment_id, **{FINGERPRINT: fingerprint})}


def _ports(plan: Plan) -> list[int]:
    return list(dict.fromkeys([IDE_PORT, SSH_PORT, *plan.ports.values()]))


def _variables(plan: Plan) -> Mapping[str, str]:
    return {"WORKSPACE_DIR": WORKSPACE, **plan.variables}


def _log(settings: Settings, environment_id: str) -> dict[str, Any]:
    options = {
        "awslogs-group": settings.log_group,
        "awslogs-region": settings.region,
        "awslogs-stream-prefix": environment_id,
    }
    return {"logDriver": "awslogs", "options": options}
