"""Keeps secrets out of what is shown: those of the run, and values under names that sound secret. Pure.

A secret is masked wherever it appears, also as JSON, a URL or a quotation would write it, line by line, and when its
end is cut off.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
_SECRET_NAME: Final = re.compile(
    r"passw|passphrase|secret|token|api_?-?key|credential|authorization|private_?-?key|cookie", re.IGNORECASE
)
# Shorter ones would mask half of every text; those that are known to be secrets are masked where they stand alone.
_SHORTEST: Final = 4
# So much of the beginning of a long secret is one itself: texts are cut before they are shown.
_HEAD: Final = 40
# Values under names that sound secret are remembered in this number, the newest: a loop may make any number of them.
_NOTED: Final = 200
_DEPTH: Final = 100


@lru_cache(maxsize=4096)
def sounds_secret(name: str) -> bool:
    """Tell whether what is called so should not be shown."""
    return _SECRET_NAME.search(name) is not None


class Redaction:
    """What is secret in one run."""

    def __init__(self) -> None:
        # What is known to be secret from the start, and what sounded so, the newest last.
        self._known: set[str] = set()
        self._noted: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        # What is noted changes too often to be compiled. The longest first.
        self._forms: Sequence[str] = ()
        # Characters of the longest secret as it may be written.
        self.longest = 0

    def add(self, secrets: Iterable[str]) -> None:
        """Remember what is known to be secret, however short it is."""
        new = {part for secret in secrets for part in _parts(secret)} - self._known
        if new:
            self._known |= new
            written = sorted({form for value in self._known for form in _forms(value)}, key=len, reverse=True)
            self.longest = max(self.longest, len(written[0]))
            self._pattern = re.compile("|".join(map(_searched, written)))

    def note(self, name: str, value: object) -> None:
        """Remember the texts within `value`, if `name` sounds secret."""
        if not sounds_secret(name):
            return
        new = {text for text in _texts(value) if len(text) >= _SHORTEST} - self._known - self._noted.keys()
        if new:
            self._noted = dict.fromkeys([*self._noted, *new][-_NOTED:])
            written = {form for value in self._noted for form in _forms(value)}
            self._forms = sorted(written, key=len, reverse=True)
            self.longest = max(self.longest, len(self._forms[0]))

    def secrets(self) -> list[str]:
        """Return what is remembered, to be added again."""
        return [*sorted(self._known), *self._noted]

    def text(self, text: str) -> str:
        """Return `text` without the secrets of this run."""
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a copy of `value` without secrets."""
        if isinstance(value, str):
            return self.text(value)
        if depth > _DEPTH:
            return MASK
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.named(str(name), one, depth) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, depth + 1) for one in value]
        return MASK if self.longest and self._is_secret_number(value) else value

    def named(self, name: str, value: Any, depth: int = 0) -> Any:
        """Return `value`, which is called `name`, without secrets."""
        if value not in (None, "") and sounds_secret(name) and not isinstance(value, bool):
            return MASK
        return self.value(value, depth + 1)

    def _is_secret_number(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return str(value) in self._known or str(value) in self._noted


def _parts(secret: str) -> Iterator[str]:
    """Return a secret, and each of its lines."""
    if secret.strip():
        yield secret
    yield from (line for line in secret.splitlines() if len(line.strip()) >= _SHORTEST)


def _forms(secret: str) -> Iterator[str]:
    """Write a secret in the ways that it may appear."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    if len(secret) > _HEAD:
        yield secret[:_HEAD]


def _searched(form: str) -> str:
    if len(form) < _SHORTEST:
        return rf"(?<!\w){re.escape(form)}(?!\w)"
    # The beginning of a long one, and what is left of it.
    return rf"{re.escape(form)}\S*" if len(form) == _HEAD else re.escape(form)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
