"""What everything of an environment is called at AWS."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from workers.environments.provider import ENVIRONMENT_TAG

# The container of a task that runs the environment, and the one that runs the script of a template before it.
CONTAINER: Final = "environment"
STARTUP_CONTAINER: Final = "startup"
_OURS: Final = "switchyard/"


def service_name(environment_id: str) -> str:
    """Return the name of its service, which is the family of its task definition too."""
    return environment_id


def eraser_name(environment_id: str) -> str:
    """Return the family of what erases its files."""
    return f"{environment_id}-erase"


def secret_name(environment_id: str) -> str:
    """Return the name of its secret."""
    return _OURS + environment_id


def folder(environment_id: str) -> str:
    """Return the folder of the file system that holds its files."""
    return f"/environments/{environment_id}"


def upper_tags(environment_id: str) -> list[dict[str, str]]:
    """Return its tags for EFS and Secrets Manager."""
    return [{"Key": ENVIRONMENT_TAG, "Value": environment_id}]


def lower_tags(environment_id: str, **further: str) -> list[dict[str, str]]:
    """Return its tags for ECS."""
    return [{"key": ENVIRONMENT_TAG, "value": environment_id}, *({"key": k, "value": v} for k, v in further.items())]


def tag_of(tagged: Mapping[str, Any], name: str = ENVIRONMENT_TAG) -> str:
    """Return the value of a tag, in whichever spelling; empty when it is not there."""
    tags: Iterable[Mapping[str, str]] = tagged.get("Tags") or tagged.get("tags") or ()
    return next((_value(tag) for tag in tags if tag.get("Key", tag.get("key")) == name), "")


def _value(tag: Mapping[str, str]) -> str:
    return tag.get("Value", tag.get("value", ""))
