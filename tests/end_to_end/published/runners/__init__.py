"""What carries out an example: a shell with curl, Python, a page of Chromium, or a plain call with what is printed.

Each takes the text as the document prints it, with names for its literals, or None: then it makes up a program of its
own from the calls that the facts list.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tests.end_to_end.published.facts import Fact
from tests.end_to_end.published.runners import call, curl, files, javascript, messages, python, settings
from tests.end_to_end.published.world import World

Runner = Callable[[World, Fact, str | None], None]

RUNNERS: Final[Mapping[str, Runner]] = {
    "curl": curl.run,
    "python": python.run,
    "javascript": javascript.run,
    "a call with this body": call.send_body,
    "a call with these headers": call.send_headers,
    "a call answered so": call.compare_answer,
    "a call answered with these headers": call.compare_headers,
    "a stream": call.follow,
    "a socket": messages.listen,
    "settings": settings.read,
    "a configuration": files.validate,
    "files": files.look,
}
