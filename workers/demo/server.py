"""The demo feed over HTTP.

GET  /            composer for everybody, posts         GET  /api/posts    the posts as JSON, newest first
GET  /compose     the same, for who is logged in        GET  /media/{n}    the picture of a post
POST /posts       publishes                             GET  /export.csv   the captions, as a download
GET  /login, POST sets the cookie that logs in
"""

from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from workers.demo import pages
from workers.demo.feed import CAPTION_LIMIT, Feed, Media, Post, Refused

SESSION_COOKIE: Final = "demo_session"
GUEST: Final = "guest"
BODY_LIMIT_BYTES: Final = 32 * 1024 * 1024
# The page brings everything along, and runs nothing.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'; "
    "form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

FEED: Final = web.AppKey("feed", Feed)


def serve(host: str, port: int) -> None:
    """Serve an empty feed until the process is interrupted."""
    web.run_app(create_app(), host=host, port=port)


def create_app() -> web.Application:
    """Return the application, with an empty feed."""
    app = web.Application(client_max_size=BODY_LIMIT_BYTES)
    app[FEED] = Feed()
    app.router.add_get("/", show_feed)
    app.router.add_get("/compose", show_composer)
    app.router.add_post("/posts", publish)
    app.router.add_get("/api/posts", list_posts)
    app.router.add_get("/media/{number:[0-9]{1,9}}", show_media)
    app.router.add_get("/login", show_login)
    app.router.add_post("/login", log_in)
    app.router.add_get("/export.csv", export)
    return app


async def show_feed(request: web.Request) -> web.Response:
    """Show composer and posts; without a login one posts as a guest."""
    return _html(pages.feed_page(request.app[FEED].posts, user=_session(request) or GUEST))


async def show_composer(request: web.Request) -> web.Response:
    """Show composer and posts to who is logged in; to others the posts, and that they are not."""
    return _html(pages.feed_page(request.app[FEED].posts, user=_session(request)))


async def publish(request: web.Request) -> web.Response:
    """Publish what the composer sends, then show the feed with it on top."""
    user = _session(request) or GUEST
    form = await request.post()
    caption, upload = form.get("caption", ""), form.get("media")
    media = None
    if isinstance(upload, web.FileField) and upload.filename:
        media = Media(upload.filename[-100:], upload.content_type, upload.file.read())
    try:
        request.app[FEED].publish(
            author=user, caption=caption if isinstance(caption, str) else "", media=media, now=datetime.now(UTC)
        )
    except Refused as refusal:
        return _html(pages.feed_page(request.app[FEED].posts, user=user, error=str(refusal)), status=400)
    raise web.HTTPSeeOther("/")


async def list_posts(request: web.Request) -> web.Response:
    """List the posts, newest first."""
    return web.json_response({"posts": [_as_json(post) for post in request.app[FEED].posts]})


async def show_media(request: web.Request) -> web.Response:
    """Send the picture or film of a post."""
    post = request.app[FEED].find(int(request.match_info["number"]))
    if post is None or post.media is None:
        raise web.HTTPNotFound(text="There is no such picture.")
    return web.Response(body=post.media.data, content_type=post.media.content_type, headers=HEADERS)


async def show_login(_: web.Request) -> web.Response:
    """Ask for a name."""
    return _html(pages.login_page())


async def log_in(request: web.Request) -> web.Response:
    """Set the session cookie to the name; a demo believes it."""
    user = (await request.post()).get("user", "")
    if not isinstance(user, str) or not user.isalnum() or len(user) > 40:
        return _html(pages.login_page(), status=400)
    answer = web.HTTPSeeOther("/")
    answer.set_cookie(SESSION_COOKIE, user, httponly=True, samesite="Lax")
    raise answer


async def export(request: web.Request) -> web.Response:
    """Send the captions as a file to download."""
    rows = ['"' + post.caption.replace('"', '""') + '"' for post in request.app[FEED].posts]
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="posts.csv"'}
    return web.Response(text="\r\n".join(["caption", *rows, ""]), content_type="text/csv", headers=headers)


def _session(request: web.Request) -> str | None:
    """Return the name in the session cookie, None without one."""
    return request.cookies.get(SESSION_COOKIE, "")[:40] or None


def _as_json(post: Post) -> dict[str, object]:
    return {
        "number": post.number,
        "author": post.author,
        "caption": post.caption[:CAPTION_LIMIT],
        "media": None if post.media is None else {"name": post.media.name, "content_type": post.media.content_type},
        "published_at": post.publish_time.isoformat(),
    }


def _html(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status, headers=HEADERS)
