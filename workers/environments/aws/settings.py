"""What must be said about an account of AWS before environments can be made there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from workers.environments.provider import ProviderFailed

# Erases the files of an environment that is deleted: any image that has `sh`, `chmod` and `find`.
ERASER_IMAGE: Final = "public.ecr.aws/docker/library/busybox:1.37"


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of what is there before the first environment. What is None is found by the SDK itself."""

    region: str
    cluster: str
    subnets: Sequence[str]
    security_groups: Sequence[str]
    execution_role: str  # pulls the image, reads the secret, writes the log
    file_system: str  # of EFS, with a mount target in each subnet
    log_group: str
    task_role: str | None = None  # lets the agent that runs commands reach AWS; None for no commands
    eraser_image: str = ERASER_IMAGE
    endpoint_url: str | None = None  # of all services; for tests and private networks
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)


def read_settings(variables: Mapping[str, str]) -> Settings:
    """Return the settings in `variables`.

    Raises:
        ProviderFailed: one is missing; the message names it.
    """
    return Settings(
        region=variables.get("AWS_REGION") or _needed(variables, "AWS_DEFAULT_REGION", called="AWS_REGION"),
        cluster=_needed(variables, "ENVIRONMENTS_AWS_CLUSTER"),
        subnets=_names(_needed(variables, "ENVIRONMENTS_AWS_SUBNETS")),
        security_groups=_names(_needed(variables, "ENVIRONMENTS_AWS_SECURITY_GROUPS")),
        execution_role=_needed(variables, "ENVIRONMENTS_AWS_EXECUTION_ROLE"),
        file_system=_needed(variables, "ENVIRONMENTS_AWS_FILE_SYSTEM"),
        log_group=_needed(variables, "ENVIRONMENTS_AWS_LOG_GROUP"),
        task_role=variables.get("ENVIRONMENTS_AWS_TASK_ROLE", "").strip() or None,
        eraser_image=variables.get("ENVIRONMENTS_AWS_ERASER_IMAGE") or ERASER_IMAGE,
        endpoint_url=variables.get("AWS_ENDPOINT_URL") or None,
        access_key_id=variables.get("AWS_ACCESS_KEY_ID") or None,
        secret_access_key=variables.get("AWS_SECRET_ACCESS_KEY") or None,
        session_token=variables.get("AWS_SESSION_TOKEN") or None,
    )


def _needed(variables: Mapping[str, str], name: str, *, called: str = "") -> str:
    value = variables.get(name, "").strip()
    if not value:
        raise ProviderFailed(
            f"AWS is not configured at this worker: {called or name} is not set", kind="ProviderRefused"
        )
    return value


def _names(text: str) -> Sequence[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
