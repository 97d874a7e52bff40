"""Where the browser of a session may go: to ComfyUI and nowhere else."""

import pytest
from yarl import URL

from workers.comfy.browser_page import elsewhere, resolver_rules
from workers.comfy.credentials import Credentials
from workers.comfy.origin import api_route


@pytest.mark.parametrize(
    ("ours", "address", "refused"),
    [
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188/", False),
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188", False),
        ("http://127.0.0.1:8188", "ws://127.0.0.1:8188/ws?clientId=1", False),
        ("http://127.0.0.1:8188", "http://127.0.0.1:81889/", True),
        ("http://127.0.0.1:8188", "http://127.0.0.1:81/", True),
        ("http://127.0.0.1:8188", "http://127.0.0.1.evil.example:8188/", True),
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188@evil.example/", True),
        ("http://127.0.0.1:8188", "https://127.0.0.1:8188/", True),
        ("http://127.0.0.1:8188", "https://api.comfy.org/", True),
        ("http://127.0.0.1:8188", "wss://api.comfy.org/ws", True),
        ("https://a-b.trycloudflare.com", "https://a-b.trycloudflare.com/api/prompt", False),
        ("https://a-b.trycloudflare.com", "https://a-b.trycloudflare.com:443/", False),
        ("https://a-b.trycloudflare.com", "wss://a-b.trycloudflare.com/ws", False),
        ("https://a-b.trycloudflare.com", "https://a-bxtrycloudflare.com/", True),
        ("https://a-b.trycloudflare.com/comfy/?x=1", "https://a-b.trycloudflare.com/other", False),
        ("http://[::1]:8188", "http://[::1]:8188/", False),
        ("http://[::1]:8188", "http://[::2]:8188/", True),
        ("http://127.0.0.1:8188", "data:text/plain,x", False),  # reaches nobody
    ],
)
def test_what_is_not_of_the_own_origin_is_refused(ours: str, address: str, refused: bool) -> None:
    assert bool(elsewhere(URL(ours)).search(address)) == refused


@pytest.mark.parametrize(
    ("url", "address", "rules"),
    [
        ("http://comfy.example:8188", "10.0.0.1", "MAP comfy.example 10.0.0.1, MAP * ~NOTFOUND"),
        ("http://comfy.example", "fd00::1", "MAP comfy.example [fd00::1], MAP * ~NOTFOUND"),
        ("http://127.0.0.1:8188", "127.0.0.1", "MAP 127.0.0.1 127.0.0.1, MAP * ~NOTFOUND"),
        ("http://[::1]:8188", "::1", "MAP * ~NOTFOUND, EXCLUDE ::1"),
    ],
)
def test_the_name_leads_to_the_address_that_was_checked(url: str, address: str, rules: str) -> None:
    assert resolver_rules(URL(url), address) == rules


@pytest.mark.parametrize(
    ("url", "route", "address"),
    [
        ("http://h:1", "/prompt", "http://h:1/api/prompt"),
        ("http://h:1/comfy/", "/userdata/a%2Fb%2525", "http://h:1/comfy/api/userdata/a%2Fb%2525"),
    ],
)
def test_a_route_that_is_encoded_is_left_as_it_is(url: str, route: str, address: str) -> None:
    assert str(api_route(URL(url), route)) == address


def test_credentials_take_any_character_and_show_themselves_to_nobody() -> None:
    credentials = Credentials("a:b", "pässword")

    assert credentials.header == "Basic YTpiOnDDpHNzd29yZA=="
    assert "ssword" not in repr(credentials)
    assert Credentials("", "").header is None
