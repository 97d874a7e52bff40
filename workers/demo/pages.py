"""The HTML of the demo feed. Pure; everything a visitor wrote is escaped."""

from collections.abc import Sequence
from html import escape
from typing import Final

from workers.demo.feed import MEDIA_TYPES, Post

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #5c6579; --line: #dfe3ea; --card: #fff; --ground: #f3f5f9; --accent: #2456d6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf2; --soft: #9aa4b8; --line: #2d3547; --card: #1a2030; --ground: #10141f; --accent: #6d93ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
header { background: var(--card); border-bottom: 1px solid var(--line); }
header div, main { max-width: 40rem; margin: 0 auto; padding: 1rem; }
header div { display: flex; align-items: center; justify-content: space-between; gap: 1rem; }
header a { color: inherit; text-decoration: none; font-weight: 700; font-size: 1.2rem; }
header span { color: var(--soft); font-size: .9rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem; margin: 0 0 1rem; }
label { display: block; font-weight: 600; margin-bottom: .3rem; }
textarea { width: 100%; min-height: 6rem; padding: .6rem .7rem; border: 1px solid var(--line); border-radius: 8px; background: transparent; color: inherit; font: inherit; resize: vertical; }
.row { display: flex; align-items: end; justify-content: space-between; gap: 1rem; margin-top: .8rem; flex-wrap: wrap; }
input[type=file] { font: inherit; color: var(--soft); max-width: 100%; }
button { background: var(--accent); color: #fff; border: 0; border-radius: 8px; padding: .6rem 1.4rem; font: inherit; font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.post header { background: none; border: 0; display: flex; justify-content: space-between; color: var(--soft); font-size: .9rem; }
.post header strong { color: var(--ink); }
.caption { margin: .4rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.post img, .post video { display: block; max-width: 100%; max-height: 30rem; border-radius: 8px; margin-top: .8rem; }
.notice { border-left: 4px solid var(--accent); }
.error { border-left: 4px solid #c6303e; }
.empty { color: var(--soft); text-align: center; }
""".strip()  # noqa: E501  it is a style sheet


def feed_page(posts: Sequence[Post], *, user: str | None, error: str = "") -> str:
    """The composer, if `user` may post, and under it the posts."""
    composer = _composer() if user is not None else _closed()
    complaint = f'<p class="card error" role="alert">{escape(error)}</p>' if error else ""
    listed = "".join(map(_post, posts)) or '<p class="empty">Nothing here yet.</p>'
    return _page(f'{complaint}{composer}<section id="feed" aria-label="Posts">{listed}</section>', user=user)


def login_page() -> str:
    """Asks for a name; there is no password, it is a demo."""
    return _page(
        '<form class="card" method="post" action="/login"><h1>Log in</h1><label for="user">Name</label>'
        '<input id="user" name="user" required maxlength="40" autocomplete="username">'
        '<div class="row"><button type="submit">Log in</button></div></form>',
        user=None,
    )


def _composer() -> str:
    accepted = ",".join(MEDIA_TYPES)
    return (
        '<form id="composer" class="card" method="post" action="/posts" enctype="multipart/form-data">'
        '<label for="caption">What is new?</label>'
        '<textarea id="caption" name="caption" maxlength="5000"></textarea>'
        '<div class="row"><div><label for="media">Picture or film</label>'
        f'<input id="media" type="file" name="media" accept="{accepted}"></div>'
        '<button id="publish" type="submit">Publish</button></div></form>'
    )


def _closed() -> str:
    return (
        '<p id="login-needed" class="card notice">Only people who are logged in can post. '
        '<a href="/login">Log in</a></p>'
    )


def _post(post: Post) -> str:
    time = post.publish_time.strftime("%Y-%m-%d %H:%M:%S")
    return (
        f'<article class="post card" id="post-{post.number}" data-number="{post.number}">'
        f'<header><strong>{escape(post.author)}</strong><time datetime="{post.publish_time.isoformat()}">{time}</time>'
        f'</header><p class="caption">{escape(post.caption)}</p>{_media(post)}</article>'
    )


def _media(post: Post) -> str:
    if post.media is None:
        return ""
    source, name = f"/media/{post.number}", escape(post.media.name)
    if MEDIA_TYPES[post.media.content_type] == "video":
        return f'<video src="{source}" controls aria-label="{name}"></video>'
    return f'<img src="{source}" alt="{name}">'


def _page(content: str, *, user: str | None) -> str:
    who = f"Posting as {escape(user)}" if user else "Not logged in"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Demo feed</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body>"
        f'<header><div><a href="/">Demo feed</a><span id="user">{who}</span></div></header>'
        f"<main>{content}</main></body></html>"
    )
