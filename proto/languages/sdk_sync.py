"""The modules of the client that waits, made from those of the one for asyncio where they differ in words only."""

import re
from pathlib import Path
from typing import Final

# Modules that differ in more than words stand by hand in `sync`.
MODULES: Final = ("pages", "download", "logs", "bots", "jobs", "workflows")
WORDS: Final = (
    (r"\basync (def|for|with)\b", r"\1"),
    (r"`async (for|with)`", r"`\1`"),
    (r"\bawait ", ""),
    (r"\bAsync(Iterator|Iterable)\b", r"\1"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\b__a(iter|enter|exit)__\b", r"__\1__"),
    (r"\b__anext__\b", "__next__"),
    (r"\baclose\b", "close"),
    (r"\bresources\.aio\b", "resources.sync"),
)
NOTE: Final = "\n\nMade from the module for asyncio by `make generate`; do not edit."


def write(package: Path) -> None:
    """Write the modules into `sync` of the package, which holds `aio`."""
    for name in MODULES:
        text = (package / "aio" / f"{name}.py").read_text()
        for pattern, replacement in WORDS:
            text = re.sub(pattern, replacement, text)
        head, quotes, rest = text.partition('"""\n')
        (package / "sync" / f"{name}.py").write_text(f"{head}{NOTE}{quotes}{rest}")
