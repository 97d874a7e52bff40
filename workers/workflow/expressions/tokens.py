"""The text of an expression -> its words."""

import re
from typing import Final, NamedTuple

from workers.workflow.errors import ExpressionInvalid

LENGTH_LIMIT: Final = 10_000

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<reference>\{\{[^{}\n]{1,300}\}\}|\$\{[^{}\n]{1,300}\}|%[A-Za-z_]\w{0,99}%)
    | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<name>[^\W\d]\w*)
    | (?P<sign>\*\*|//|===|!==|==|!=|<>|<=|>=|&&|\|\||[-+*/%<>()\[\],.!=])
    )""",
    re.VERBOSE,
)
_WORDS: Final = {"&&": "and", "||": "or", "!": "not", "<>": "!=", "=": "=="}
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}


class Token(NamedTuple):
    """One word: `kind` is reference, number, text, name, sign or end."""

    kind: str
    text: str
    place: int


def split(source: str) -> list[Token]:
    """Return the words of an expression, and an end.

    Raises:
        ExpressionInvalid: it is too long, or holds what is no word.
    """
    if len(source) > LENGTH_LIMIT:
        raise ExpressionInvalid(f"the expression is longer than {LENGTH_LIMIT:,} characters")
    tokens: list[Token] = []
    place = 0
    end = len(source.rstrip())
    while place < end:
        match = _TOKEN.match(source, place)
        if match is None:
            raise ExpressionInvalid(f"the expression cannot be read at {source[place : place + 20].strip()!r}")
        kind = match.lastgroup or ""
        text = match[kind]
        tokens.append(Token("sign" if text in _WORDS else kind, _WORDS.get(text, text), match.start(kind)))
        place = match.end()
    tokens.append(Token("end", "", end))
    return tokens


def unquoted(text: str) -> str:
    """Return what a quoted text says."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text[1:-1])
