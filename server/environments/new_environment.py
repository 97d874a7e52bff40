"""What is stored of an environment that somebody asks for, and what he is refused. Pure but for chance."""

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from server.database.text import storable
from server.environments.regions import CloudProvider, cloud_name, is_region
from server.environments.settings import LOCAL, EnvironmentSettings
from server.environments.ssh_key import is_public_key
from server.errors import InvalidArgument
from switchyard.environments.v1 import environment_service_pb2 as pb
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.provisioning_service_pb2 import GetEnvironmentPlanResponse
from switchyard.environments.v1.template_service_pb2 import Template

# Variables of the environment's process by the fields they come from.
SECRET_VARIABLES: Final[Mapping[str, str]] = {
    "github_token": "GITHUB_TOKEN",
    "git_user_name": "GIT_USER_NAME",
    "git_user_email": "GIT_USER_EMAIL",
    "ssh_public_key": "SSH_PUBLIC_KEY",
    "code_server_password": "CODE_SERVER_PASSWORD",
    "anthropic_api_key": "ANTHROPIC_API_KEY",
    "openai_api_key": "OPENAI_API_KEY",
    "gemini_api_key": "GEMINI_API_KEY",
}
TOKEN_VARIABLE: Final = "ENVIRONMENT_TOKEN"  # noqa: S105 - the name of a variable
PASSWORD_VARIABLE: Final = SECRET_VARIABLES["code_server_password"]

_LETTERS: Final = string.ascii_lowercase + string.digits
_ID_LENGTH: Final = 12
# No variable and no name at a cloud can have them.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# Sizes by the words that the API has for them.
_SIZES: Final = {"cpu_cores": "cpuCores", "memory_gb": "memoryGB", "storage_gb": "storageGB"}


@dataclass(frozen=True, slots=True)
class EnvironmentSecrets:
    """`plan` holds nothing but the secrets; `token` is the environment's own, `generated_password` None if given."""

    plan: GetEnvironmentPlanResponse = field(repr=False)
    token: str = field(repr=False)
    generated_password: str | None = field(repr=False)


def columns(
    request: pb.CreateEnvironmentRequest, template: Template | None, settings: EnvironmentSettings
) -> dict[str, Any]:
    """Return the columns that `request` and its template decide.

    Raises:
        InvalidArgument: the request cannot be carried out.
    """
    check_name(request.name)
    _check_cloud(request, settings)
    sizes = _sizes(request, template)
    _check_secrets(request)
    template = template or Template()
    return {
        "name": request.name,
        "cloud_provider": request.cloud_provider,
        "cloud_region": request.cloud_region,
        "provider": provider_of(request.cloud_provider, settings),
        **sizes,
        "base_image": storable(request.base_image) if request.HasField("base_image") else None,
        "template_id": template.template_id or None,
        "image": storable(template.image) or settings.image,
        "template_ports": Template(ports=template.ports).SerializeToString() if template.ports else None,
        "startup_script": storable(template.startup_script),
        "auto_stop_minutes": _auto_stop_minutes(request, template, settings),
        "max_run_minutes": request.max_run_minutes if request.HasField("max_run_minutes") else settings.max_run_minutes,
    }


def provider_of(cloud: CloudProvider, settings: EnvironmentSettings) -> str:
    """Return who makes environments that are asked for at `cloud`.

    Raises:
        InvalidArgument: other clouds are configured, and this one is not.
    """
    if not settings.clouds:
        return LOCAL
    name = cloud_name(cloud)
    if name not in settings.clouds:
        there = ", ".join(sorted(one.upper() for one in settings.clouds))
        raise InvalidArgument.field("cloudProvider", f"must be one that is configured here: {there}")
    return name


def check_name(name: str) -> None:
    """Raise InvalidArgument for a name that nobody can read."""
    if not name.strip():
        raise InvalidArgument.field("name", "must not be blank")
    if _CONTROL.search(name):
        raise InvalidArgument.field("name", "must not hold control characters")


def new_id() -> str:
    """Return "env-" and 12 letters and digits that nobody guesses."""
    return "env-" + "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))


def new_secrets(request: pb.CreateEnvironmentRequest) -> EnvironmentSecrets:
    """Return the secrets of `request`, with a password where it has none, and a token of the environment's own."""
    given = {variable: _secret(request, name) for name, variable in SECRET_VARIABLES.items()}
    generated = None if given[PASSWORD_VARIABLE] else secrets.token_urlsafe(16)
    token = secrets.token_urlsafe(32)
    variables = {name: value for name, value in given.items() if value} | {TOKEN_VARIABLE: token}
    if generated:
        variables[PASSWORD_VARIABLE] = generated
    return EnvironmentSecrets(GetEnvironmentPlanResponse(secrets=variables), token, generated)


def _check_cloud(request: pb.CreateEnvironmentRequest, settings: EnvironmentSettings) -> None:
    if not request.cloud_provider:
        raise InvalidArgument.field("cloudProvider", "must be one of AZURE, AWS, GCP")
    if not request.cloud_region:
        raise InvalidArgument.field("cloudRegion", "must be given")
    if not is_region(request.cloud_provider, request.cloud_region, settings.regions):
        cloud = Environment.CloudProvider.Name(request.cloud_provider).removeprefix("CLOUD_PROVIDER_")
        raise InvalidArgument.field("cloudRegion", f"must be a region of {cloud}, and {request.cloud_region!r} is none")


def _sizes(request: pb.CreateEnvironmentRequest, template: Template | None) -> dict[str, int]:
    sizes = {}
    for name, shown in _SIZES.items():
        if request.HasField(name):  # type: ignore[arg-type]  # the stubs want the literal
            sizes[name] = getattr(request, name)
        elif template is not None:
            sizes[name] = getattr(template, name)
        else:
            raise InvalidArgument.field(shown, "must be given")
    return sizes


def _check_secrets(request: pb.CreateEnvironmentRequest) -> None:
    ssh_public_key = _secret(request, "ssh_public_key")
    if ssh_public_key and not is_public_key(ssh_public_key):
        raise InvalidArgument.field("sshPublicKey", "must be one public key, as in 'ssh-ed25519 AAAA... name'")
    for name in SECRET_VARIABLES:
        if _CONTROL.search(_secret(request, name)):
            shown = pb.CreateEnvironmentRequest.DESCRIPTOR.fields_by_name[name].json_name
            raise InvalidArgument.field(shown, "must not hold control characters")


def _secret(request: pb.CreateEnvironmentRequest, name: str) -> str:
    """Return a secret without what was copied along with it; in a password that may be meant."""
    text: str = getattr(request, name)
    return text if SECRET_VARIABLES[name] == PASSWORD_VARIABLE else text.strip()


def _auto_stop_minutes(request: pb.CreateEnvironmentRequest, template: Template, settings: EnvironmentSettings) -> int:
    for given in (request, template):
        if given.HasField("auto_stop_minutes"):
            return given.auto_stop_minutes
    return settings.auto_stop_minutes
