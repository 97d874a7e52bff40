"""Roles by name, as tokens and tables carry them. Each role includes the ones below it."""

from collections.abc import Iterable, Sequence
from typing import Final

from switchyard.auth.v1 import access_pb2

Role = access_pb2.Role
# The highest first, without repetition.
Roles = tuple[access_pb2.Role.ValueType, ...]

_NAMES: Final = {
    access_pb2.ROLE_ADMIN: "admin",
    access_pb2.ROLE_DEVELOPER: "developer",
    access_pb2.ROLE_OPERATOR: "operator",
    access_pb2.ROLE_VIEWER: "viewer",
}
_BY_NAME: Final = {name: role for role, name in _NAMES.items()}


def ordered(roles: Iterable[access_pb2.Role.ValueType]) -> Roles:
    """Return the roles, the highest first, each once."""
    return tuple(sorted(set(roles), reverse=True))


def names_of(roles: Sequence[access_pb2.Role.ValueType]) -> list[str]:
    """Return "admin" for ROLE_ADMIN, and so on."""
    return [_NAMES[role] for role in roles]


def roles_of(names: Iterable[object]) -> Roles:
    """Return the roles of these names; what is none is left out."""
    return ordered(_BY_NAME[name] for name in names if isinstance(name, str) and name in _BY_NAME)


def up_to(role: access_pb2.Role.ValueType) -> Roles:
    """Return `role` and those it includes."""
    return tuple(known for known in _NAMES if known <= role)
