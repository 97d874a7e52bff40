"""Access and refresh tokens."""

from typing import Final

import jwt
import pytest

from server.accounts.tokens import Identity, Tokens
from server.errors import CredentialExpired, CredentialInvalid, InvalidArgument
from switchyard.auth.v1 import access_pb2

SECRET: Final = "s" * 64
NOON: Final = 1_700_000_000_000_000
MINUTE: Final = 60_000_000
ANN: Final = Identity("ann", (access_pb2.ROLE_DEVELOPER, access_pb2.ROLE_VIEWER), "acme")


class Watch:
    """A clock that is set by hand."""

    now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def tokens(watch: Watch) -> Tokens:
    return Tokens(secret_key=SECRET, algorithm="HS256", access_seconds=3600, refresh_seconds=86400, clock=watch)


def signed(**changes: object) -> str:
    claims = {
        "sub": "ann",
        "roles": ["viewer"],
        "type": "access",
        "jti": "j",
        "sid": "s",
        "iat": NOON // 1_000_000,
        "exp": NOON // 1_000_000 + 60,
        **changes,
    }
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, SECRET, "HS256")


def test_an_access_token_speaks_for_its_user(tokens: Tokens) -> None:
    caller = tokens.read_access(tokens.access(ANN, "session"), "192.0.2.1")

    assert (caller.name, caller.role, caller.tenant_id) == ("ann", access_pb2.ROLE_DEVELOPER, "acme")
    assert (caller.session_id, caller.address) == ("session", "192.0.2.1")


def test_tokens_carry_the_documented_claims(tokens: Tokens) -> None:
    claims = jwt.decode(tokens.access(ANN, "session"), SECRET, ["HS256"], options={"verify_exp": False})

    assert claims.keys() == {"sub", "roles", "tenant_id", "type", "jti", "sid", "iat", "exp"}
    assert (claims["roles"], claims["exp"] - claims["iat"]) == (["developer", "viewer"], 3600)


def test_an_access_token_expires_though_it_was_good_before(tokens: Tokens, watch: Watch) -> None:
    token = tokens.access(ANN, "session")
    tokens.read_access(token, "")
    watch.now += 60 * MINUTE

    with pytest.raises(CredentialExpired, match=r"^Token has expired$"):
        tokens.read_access(token, "")


def test_a_refresh_token_opens_nothing(tokens: Tokens) -> None:
    with pytest.raises(CredentialInvalid, match=r"^Invalid token type\. Use access token\.$"):
        tokens.read_access(tokens.refresh(ANN, "session", "r1"), "")


def test_an_access_token_refreshes_nothing(tokens: Tokens) -> None:
    with pytest.raises(InvalidArgument, match=r"^Invalid token type\. Expected refresh token\.$"):
        tokens.read_refresh(tokens.access(ANN, "session"))


def test_a_refresh_token_says_whose_session_it_prolongs(tokens: Tokens) -> None:
    claims = tokens.read_refresh(tokens.refresh(ANN, "session", "r1"))

    assert (claims.identity, claims.session_id, claims.refresh_id) == (ANN, "session", "r1")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "abc",
        "a.b.c",
        signed()[:-2] + "xx",
        # Signed with another key, with none, or with an algorithm we do not use.
        jwt.encode({"sub": "ann"}, "t" * 64, "HS256"),
        jwt.encode({"sub": "ann", "type": "access"}, "", "none"),
        jwt.encode({"sub": "ann", "type": "access"}, SECRET, "HS384"),
        # A claim is missing or of the wrong type, or names a role we do not know.
        signed(sid=None),
        signed(exp=None),
        signed(jti=None),
        signed(roles="admin"),
        signed(roles=["root"]),
        signed(roles=[]),
        signed(tenant_id=7),
        signed(exp=9e9),
    ],
)
def test_anything_else_is_not_a_token_of_ours(tokens: Tokens, token: str) -> None:
    with pytest.raises(CredentialInvalid, match=r"^Invalid authentication token$"):
        tokens.read_access(token, "")
