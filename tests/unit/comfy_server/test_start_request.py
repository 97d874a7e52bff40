"""What a start may ask for, and how the address of ComfyUI is kept."""

import pytest

from server.comfy.new_task import comfy_key
from server.comfy.start_request import check_username, comfy_url
from server.errors import InvalidArgument
from switchyard.comfy.v1.session_service_pb2 import StartSessionRequest


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("https://your-instance.trycloudflare.com", "https://your-instance.trycloudflare.com"),
        ("https://Example.COM:443/", "https://example.com"),
        ("HTTP://example.com:80/comfy/", "http://example.com/comfy"),
        ("http://[::1]:8188", "http://[::1]:8188"),
        ("http://127.0.0.1:8188/a/b", "http://127.0.0.1:8188/a/b"),
    ],
)
def test_an_address_is_kept_in_one_spelling(sent: str, kept: str) -> None:
    assert comfy_url(sent) == kept


@pytest.mark.parametrize(
    "url",
    ["", "example.com", "ftp://example.com", "ws://example.com", "http://u:p@example.com", "http://u@example.com",
     "http://example.com/?q", "http://example.com/#f", "http://example.com:0", "http://exa mple.com", "http://a\\b"],
)  # fmt: skip
def test_an_address_with_anything_else_is_refused_by_name(url: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        comfy_url(url)

    assert refusal.value.violations[0].field == "credentials.url"


def test_paths_at_one_origin_are_one_comfyui() -> None:
    assert comfy_key("http://a:8188/x") == comfy_key("http://a:8188/y") != comfy_key("https://a:8188/x")


@pytest.mark.parametrize("username", ["", "ann", "ä ö", "a@b", "%3A"])
def test_any_name_without_a_colon_is_taken(username: str) -> None:
    check_username(StartSessionRequest.Credentials(username=username))


def test_a_name_with_a_colon_cannot_be_sent() -> None:
    """RFC 7617, section 2."""
    with pytest.raises(InvalidArgument):
        check_username(StartSessionRequest.Credentials(username="a:b"))
