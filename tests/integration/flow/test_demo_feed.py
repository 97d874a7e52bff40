"""The demo feed, over HTTP."""

import aiohttp
import pytest


def form(caption: str, name: str = "", content_type: str = "image/png") -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("caption", caption)
    if name:
        data.add_field("media", b"<svg/>", filename=name, content_type=content_type)
    return data


async def test_what_is_posted_is_shown_escaped(feed: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{feed}/posts", data=form("<script>alert(1)</script>", '"><b>.png')) as answer:
            page = await answer.text()

        assert "<script>" not in page
        assert "&lt;script&gt;" in page
        assert "<b>" not in page
        async with session.get(f"{feed}/media/1") as media:
            assert media.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (form(" "), "A post needs a caption or a picture."),
        (form("x" * 5001), "A caption has at most 5000 characters."),
        (form("x", "a.svg", "image/svg+xml"), "a.svg is not a picture or a film."),
    ],
)
async def test_what_cannot_be_posted_is_refused_with_a_reason(
    feed: str, data: aiohttp.FormData, complaint: str
) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{feed}/posts", data=data) as answer:
        assert answer.status == 400
        assert complaint in await answer.text()


async def test_the_composer_for_members_wants_the_cookie(feed: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(f"{feed}/compose") as before:
            assert 'id="login-needed"' in await before.text()
        await session.post(f"{feed}/login", data={"user": "Ada"})
        async with session.get(f"{feed}/compose") as after:
            assert 'id="composer"' in await after.text()
