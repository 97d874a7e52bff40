"""The shipped bot `f2f_post`, in a real browser, on the demo feed."""

import json
import struct
import zlib

import aiohttp
import yaml

from tests.integration.flow.conftest import Workshop
from workers.flow.bot_catalog import SHIPPED


def png(width: int = 40, height: int = 30) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"".join(bytes((x * 6 % 256, y * 8 % 256, 120)) for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


async def posts(feed: str) -> list[dict[str, object]]:
    async with aiohttp.ClientSession() as session, session.get(f"{feed}/api/posts") as answer:
        return list((await answer.json())["posts"])


async def test_every_caption_is_posted_with_its_media(workshop: Workshop, feed: str) -> None:
    workshop.write("inputs/captions.csv", 'caption,media\n"Hello, world",a.png\n"Two\nlines {{params.url}} <b>",\n')
    workshop.write("inputs/media/a.png", png())
    host = workshop.host(url=feed)

    outcome = await workshop.run({"bot_code": "f2f_post"}, host)

    assert (outcome.state, outcome.error_message) == ("succeeded", "")
    newest, first = await posts(feed)
    assert newest["media"] is None
    assert str(newest["caption"]).replace("\r\n", "\n") == "Two\nlines {{params.url}} <b>"
    assert first["caption"] == "Hello, world"
    assert first["media"] == {"name": "a.png", "content_type": "image/png"}
    assert host.kept("screenshot") == ["post-1.png", "post-2.png"]
    assert host.kept("trace") == []
    assert host.result()["status"] == "success"


async def test_the_uploaded_cookies_log_the_bot_in(workshop: Workshop, feed: str) -> None:
    workshop.write("inputs/captions.csv", "caption\nFrom Ada\n")
    cookie = {"name": "demo_session", "value": "Ada", "domain": "127.0.0.1", "path": "/", "expires": -1}
    workshop.write("secrets/storageState.json", json.dumps({"cookies": [cookie], "origins": []}))

    outcome = await workshop.run({"bot_code": "f2f_post"}, workshop.host(url=f"{feed}/compose"))

    assert outcome.state == "succeeded"
    assert [post["author"] for post in await posts(feed)] == ["Ada"]


async def test_without_a_login_the_run_fails_and_leaves_a_picture_and_a_trace(workshop: Workshop, feed: str) -> None:
    workshop.write("inputs/captions.csv", "caption\nNobody\n")
    phases = yaml.safe_load((SHIPPED / "f2f_post.yaml").read_text())["phases"]
    fill = phases[0]["steps"][0]["for_each"]["steps"][1]["fill"]
    fill["timeout"] = 0.5
    host = workshop.host(
        url=f"{feed}/compose",
        caption_selector="#caption",
        publish_selector="#publish",
        pause=0,
        post_selector="article",
    )

    outcome = await workshop.run({"bot_code": "f2f_post", "phases": phases}, host)

    assert outcome.error_type == "StepFailed"
    assert outcome.error_message == "phase 'post', step 1.2 (fill): nothing matched '#caption' within 0.5 s"
    assert outcome.node_id == "p1.1.2"
    assert (host.kept("screenshot"), host.kept("trace")) == (["failure.png"], ["trace.zip"])
    assert host.result()["error"] == {
        "type": "StepFailed",
        "message": outcome.error_message,
        "node_id": "p1.1.2",
    }
    assert await posts(feed) == []


async def test_media_outside_of_the_media_folder_are_not_given_away(workshop: Workshop, feed: str) -> None:
    (workshop.folder / "inputs/media/link").symlink_to("/etc/hostname")
    workshop.write("inputs/captions.csv", "caption,media\nStolen,link\n")

    outcome = await workshop.run({"bot_code": "f2f_post"}, workshop.host(url=feed))

    assert outcome.error_type == "StepFailed"
    assert outcome.error_message.endswith("'link' is outside of 'inputs/media'")
    assert await posts(feed) == []


async def test_captions_without_the_column_end_the_run_before_a_browser_starts(workshop: Workshop, feed: str) -> None:
    workshop.write("inputs/captions.csv", "text\nHello\n")
    host = workshop.host(url=feed)

    outcome = await workshop.run({"bot_code": "f2f_post"}, host)

    assert outcome.error_type == "ConfigInvalid"
    assert "captions.csv has no column 'caption'; it has text" in host.log_text
    assert host.asked == []


async def test_a_param_that_is_not_given_is_named(workshop: Workshop) -> None:
    workshop.write("inputs/captions.csv", "caption\nHello\n")

    outcome = await workshop.run({"bot_code": "f2f_post"}, workshop.host())

    assert outcome.error_type == "StepFailed"
    assert "{{params.url}}: params has no 'url'" in outcome.error_message
