"""The posts of the demo feed. Pure but for memory; bounded, so that a bot left running fills nothing."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

POST_LIMIT: Final = 500
MEDIA_LIMIT_BYTES: Final = 256 * 1024 * 1024
CAPTION_LIMIT: Final = 5_000
# Types that a browser shows by itself and that run nothing. SVG is not among them: it may hold scripts.
MEDIA_TYPES: Final = {
    "image/png": "img",
    "image/jpeg": "img",
    "image/gif": "img",
    "image/webp": "img",
    "video/mp4": "video",
    "video/webm": "video",
}


class Refused(Exception):
    """A post cannot be published; the message says why."""


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a film of a post."""

    name: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """One post. Times are aware, UTC."""

    number: int
    author: str
    caption: str
    media: Media | None
    publish_time: datetime


class Feed:
    """Posts, newest first."""

    def __init__(self) -> None:
        self._posts: deque[Post] = deque()
        self._published = 0
        self._media_bytes = 0

    @property
    def posts(self) -> Sequence[Post]:
        """Those that are kept, newest first."""
        return list(self._posts)

    def find(self, number: int) -> Post | None:
        """Return the post with that number, None when it never was or is too old."""
        return next((post for post in self._posts if post.number == number), None)

    def publish(self, *, author: str, caption: str, media: Media | None, now: datetime) -> Post:
        """Add a post at the top.

        Raises:
            Refused: it is empty, too long, or its media is of a type that is not shown.
        """
        caption = caption.strip()
        if not caption and media is None:
            raise Refused("A post needs a caption or a picture.")
        if len(caption) > CAPTION_LIMIT:
            raise Refused(f"A caption has at most {CAPTION_LIMIT} characters.")
        if media is not None and media.content_type not in MEDIA_TYPES:
            raise Refused(f"{media.name} is not a picture or a film.")
        self._published += 1
        post = Post(self._published, author, caption, media, now)
        self._posts.appendleft(post)
        self._media_bytes += _size(post)
        while len(self._posts) > POST_LIMIT or self._media_bytes > MEDIA_LIMIT_BYTES:
            self._media_bytes -= _size(self._posts.pop())
        return post


def _size(post: Post) -> int:
    return 0 if post.media is None else len(post.media.data)
