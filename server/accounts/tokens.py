"""Access and refresh tokens: JWTs that carry who logged in (sub, roles, tenant_id) and in which session (sid).

A good signature is not enough: the session must not have ended, which the interceptor and the store know.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jwt

from server.accounts.roles import Roles, names_of, roles_of
from server.clock import SECOND, Clock
from server.errors import CredentialExpired, CredentialInvalid, InvalidArgument
from server.rpc.caller import Caller

_ACCESS: Final = "access"
_REFRESH: Final = "refresh"
INVALID: Final = "Invalid authentication token"
EXPIRED: Final = "Token has expired"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a session is for. `tenant_id` None sees every tenant."""

    username: str
    roles: Roles
    tenant_id: str | None


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token says. `refresh_id` is its own id, good for one use."""

    identity: Identity
    session_id: str
    refresh_id: str


class Tokens:
    """Signs and reads tokens. Lifetimes are in seconds."""

    def __init__(
        self, *, secret_key: str, algorithm: str, access_seconds: int, refresh_seconds: int, clock: Clock
    ) -> None:
        self.access_seconds: Final = access_seconds
        self.refresh_seconds: Final = refresh_seconds
        self._secret_key = secret_key
        self._algorithm = algorithm
        self._clock = clock
        # Checking a signature costs more than the rest of a call; the end of the token is looked at every time.
        self._signed = lru_cache(maxsize=1024)(self._check_signature)

    def access(self, identity: Identity, session_id: str) -> str:
        """Return an access token."""
        return self._sign(identity, _ACCESS, self.access_seconds, session_id, str(uuid.uuid4()))

    def refresh(self, identity: Identity, session_id: str, refresh_id: str) -> str:
        """Return the refresh token of that id."""
        return self._sign(identity, _REFRESH, self.refresh_seconds, session_id, refresh_id)

    def read_access(self, token: str, address: str) -> Caller:
        """Return the caller an access token speaks for, who calls from `address`.

        Raises:
            CredentialInvalid: it is not an access token of ours.
            CredentialExpired: it was one.
        """
        claims = self._read(token)
        if claims["type"] != _ACCESS:
            raise CredentialInvalid("Invalid token type. Use access token.")
        identity = _identity(claims)
        return Caller(
            name=identity.username,
            role=max(identity.roles),
            tenant_id=identity.tenant_id,
            address=address,
            session_id=claims["sid"],
        )

    def read_refresh(self, token: str) -> RefreshClaims:
        """Return what a refresh token says.

        Raises:
            InvalidArgument: it is a token of ours, but of the other type.
            CredentialInvalid: it is not a token of ours.
            CredentialExpired: it was one.
        """
        claims = self._read(token)
        if claims["type"] != _REFRESH:
            raise InvalidArgument("Invalid token type. Expected refresh token.")
        return RefreshClaims(_identity(claims), claims["sid"], claims["jti"])

    def _sign(self, identity: Identity, kind: str, seconds: int, session_id: str, token_id: str) -> str:
        now = self._clock() // SECOND
        claims = {
            "sub": identity.username,
            "roles": names_of(identity.roles),
            "tenant_id": identity.tenant_id,
            "type": kind,
            "jti": token_id,
            "sid": session_id,
            "iat": now,
            "exp": now + seconds,
        }
        return jwt.encode(claims, self._secret_key, algorithm=self._algorithm)

    def _read(self, token: str) -> Mapping[str, Any]:
        claims = self._signed(token)
        if claims["exp"] * SECOND <= self._clock():
            raise CredentialExpired(EXPIRED)
        return claims

    def _check_signature(self, token: str) -> Mapping[str, Any]:
        try:
            claims = jwt.decode(
                token,
                self._secret_key,
                algorithms=[self._algorithm],
                # The times are checked against our own clock.
                options={"verify_exp": False, "verify_iat": False, "require": list(_SHAPE)},
            )
        except jwt.InvalidTokenError as error:
            raise CredentialInvalid(INVALID) from error
        if not all(isinstance(claims.get(name), shape) for name, shape in _SHAPE.items()):
            raise CredentialInvalid(INVALID)
        return claims


_SHAPE: Final[Mapping[str, type]] = {"sub": str, "type": str, "jti": str, "sid": str, "exp": int, "roles": list}


def _identity(claims: Mapping[str, Any]) -> Identity:
    roles, tenant_id = roles_of(claims["roles"]), claims.get("tenant_id")
    if not roles or not isinstance(tenant_id, str | None):
        raise CredentialInvalid(INVALID)
    return Identity(claims["sub"], roles, tenant_id)
