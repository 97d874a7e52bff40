"""What becomes of an uploaded cookies file."""

import json

import pytest

from server.bots.cookies import storage_state
from server.errors import InvalidArgument

EXPORTED = {
    "domain": ".example.com",
    "expirationDate": 1893456000.5,
    "hostOnly": False,
    "httpOnly": True,
    "name": "sid",
    "path": "/app",
    "sameSite": "no_restriction",
    "secure": True,
    "session": False,
    "storeId": "0",
    "value": "abc",
    "id": 1,
}


def converted(uploaded: object) -> dict[str, object]:
    state: dict[str, object] = json.loads(storage_state(json.dumps(uploaded).encode()))
    return state


def only_cookie(cookie: dict[str, object]) -> dict[str, object]:
    cookies = converted([cookie])["cookies"]
    assert isinstance(cookies, list)
    found: dict[str, object] = cookies[0]
    return found


def test_an_extension_export_becomes_a_storage_state() -> None:
    assert converted([EXPORTED]) == {
        "cookies": [
            {
                "name": "sid",
                "value": "abc",
                "domain": ".example.com",
                "path": "/app",
                "expires": 1893456000.5,
                "httpOnly": True,
                "secure": True,
                "sameSite": "None",
            }
        ],
        "origins": [],
    }


def test_a_storage_state_keeps_its_origins() -> None:
    origins = [{"origin": "https://example.com", "localStorage": [{"name": "a", "value": "b"}]}]

    state = converted({"cookies": [], "origins": origins})

    assert state == {"cookies": [], "origins": origins}


def test_a_storage_state_without_origins_gets_none() -> None:
    assert converted({"cookies": []})["origins"] == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("no_restriction", "None"),
        ("None", "None"),
        ("unspecified", "Lax"),
        ("lax", "Lax"),
        ("Strict", "Strict"),
        (None, "Lax"),
    ],
)
def test_words_for_same_site_become_those_of_the_browser(given: str | None, kept: str) -> None:
    assert only_cookie(EXPORTED | {"sameSite": given})["sameSite"] == kept


def test_a_session_cookie_never_expires_by_time() -> None:
    assert only_cookie({"name": "a", "value": "", "domain": "example.com", "session": True})["expires"] == -1


def test_a_url_stands_for_domain_and_path() -> None:
    cookie = only_cookie({"name": "a", "value": "b", "url": "https://example.com:8443/x"})

    assert (cookie["domain"], cookie["path"]) == ("example.com", "/")


def test_a_byte_order_mark_is_ignored() -> None:
    assert json.loads(storage_state(b"\xef\xbb\xbf[]")) == {"cookies": [], "origins": []}


GOOD = {"name": "a", "value": "b", "domain": "example.com"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"{}",
        b'"text"',
        b"null",
        b'{"cookies": {}}',
        b'{"cookies": [], "origins": [1]}',
        b"[1]",
        b"[" * 100_000,
        b'[{"name": "a", "value": "b", "domain": "x", "expires": NaN}]',
        json.dumps([GOOD | {"name": ""}]).encode(),
        json.dumps([{"value": "b", "domain": "example.com"}]).encode(),
        json.dumps([{"name": "a", "domain": "example.com"}]).encode(),
        json.dumps([{"name": "a", "value": "b"}]).encode(),
        json.dumps([GOOD | {"value": 1}]).encode(),
        json.dumps([GOOD | {"expires": "soon"}]).encode(),
        json.dumps([GOOD | {"expires": True}]).encode(),
        json.dumps([GOOD | {"expires": 10**400}]).encode(),
        json.dumps([GOOD | {"sameSite": "sometimes"}]).encode(),
        json.dumps([GOOD | {"secure": "yes"}]).encode(),
        json.dumps([{"name": "a", "value": "b", "url": "nowhere"}]).encode(),
        b'[{"name": "a", "value": "\\ud800", "domain": "x"}]',
    ],
)
def test_anything_else_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        storage_state(data)

    assert refusal.value.message.startswith("file must ")
