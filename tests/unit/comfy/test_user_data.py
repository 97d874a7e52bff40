"""Paths of ComfyUI's user data."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.comfy.errors import Invalid
from workers.comfy.user_data import workflow_route


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("x.json", "/userdata/workflows%2Fx.json"),
        ("a/b c.json", "/userdata/workflows%2Fa%2Fb%20c.json"),
        ("workflows/x.json", "/userdata/workflows%2Fworkflows%2Fx.json"),  # the server has cut one off before
        ('it\'s "it"?#&.json', "/userdata/workflows%2Fit%27s%20%22it%22%3F%23%26.json"),
        ("...json", "/userdata/workflows%2F...json"),
        ("100%.json", "/userdata/workflows%252F100%2525.json"),
    ],
)
def test_every_character_of_a_name_is_escaped(path: str, route: str) -> None:
    assert workflow_route(path) == route


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/x.json",
        "x.json/",
        "a//b.json",
        "..",
        "../x.json",
        "a/../../x.json",
        "./x.json",
        "a\\b.json",
        "..\\..\\x.json",
        "a\0.json",
        "a\nb.json",
        "x" * 251 + ".json",  # a name is at most 255 bytes
        "ü" * 126 + ".json",
        "a/" * 600 + "x.json",
        "\ud800.json",
    ],
)
def test_a_path_that_leads_elsewhere_or_to_nothing_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="workflow_path"):
        workflow_route(path)


@given(st.text(max_size=60))
def test_what_comfyui_reads_is_the_name_that_was_meant_or_nothing_is_asked(path: str) -> None:
    try:
        route = workflow_route(path)
    except Invalid:
        return

    # aiohttp decodes once; ComfyUI once more where a percent sign is left (app/user_manager.py).
    read = unquote(route.removeprefix("/userdata/"))
    read = unquote(read) if "%" in read else read
    assert read == f"workflows/{path}"
    assert "/" not in route.removeprefix("/userdata/")
