"""An expression -> what computes it. By recursive descent; how deep it may go is bounded."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from workers.workflow.errors import ExpressionInvalid, NodeFailed
from workers.workflow.expressions import operators
from workers.workflow.expressions.functions import FUNCTIONS
from workers.workflow.expressions.operators import COMPARISONS, PRODUCTS, SUMS, Operator
from workers.workflow.expressions.tokens import Token, split, unquoted
from workers.workflow.references import Reference, compile_text, follow, look_up, parse, resolved
from workers.workflow.scope import MISSING, Scope
from workers.workflow.values import as_text, boolean, number, shown

# Computes a value where names mean something.
Expression = Callable[[Scope], Any]

DEPTH_LIMIT: Final = 50
_WORDS: Final[Mapping[str, Any]] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "none": None,
    "None": None,
    "null": None,
}
_TAKEN: Final = frozenset({"and", "or", "not", "in", "is", "if", "else"})


@lru_cache(maxsize=2048)
def compile_expression(source: str) -> Expression:
    """Return what computes `source`.

    Raises:
        ExpressionInvalid: it is not an expression of this language; what it computes may raise NodeFailed.
    """
    parser = _Parser(split(source))
    expression = parser.either()
    parser.expect("end", "")
    return expression


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def either(self) -> Expression:
        """Read `a or b`."""
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise ExpressionInvalid(f"the expression is nested more than {DEPTH_LIMIT} deep")
        sides = [self._both()]
        while self._take("or"):
            sides.append(self._both())
        self._depth -= 1
        return sides[0] if len(sides) == 1 else _first_true(sides)

    def expect(self, kind: str, text: str) -> None:
        """Take the word that must come now."""
        token = self._tokens[self._place]
        if token.kind != kind or token.text != text:
            wanted = repr(text) if text else "its end"
            raise ExpressionInvalid(f"the expression has {_said(token)} where {wanted} should be")
        self._place += 1

    def _both(self) -> Expression:
        sides = [self._opposite()]
        while self._take("and"):
            sides.append(self._opposite())
        return sides[0] if len(sides) == 1 else _all_true(sides)

    def _opposite(self) -> Expression:
        flips = 0
        while self._take("not"):
            flips += 1
        inner = self._comparison()
        if not flips:
            return inner
        return _one_sided(operators.opposite if flips % 2 else boolean, inner)

    def _comparison(self) -> Expression:
        left = self._chain(SUMS, lambda: self._chain(PRODUCTS, self._signed))
        comparisons: list[tuple[Operator, Expression]] = []
        while (compare := self._comparing()) is not None:
            comparisons.append((compare, self._chain(SUMS, lambda: self._chain(PRODUCTS, self._signed))))
        if not comparisons:
            return left
        if len(comparisons) == 1:
            return _two_sided(comparisons[0][0], left, comparisons[0][1])
        return _compared_in_turn(left, comparisons)

    def _comparing(self) -> Operator | None:
        token = self._tokens[self._place]
        word = token.text if token.kind in ("sign", "name") else ""
        following = self._tokens[self._place + 1].text if word in ("not", "is") else ""
        if word == "not" and following == "in":
            word = "not in"
        elif word == "is" and following == "not":
            word = "is not"
        if word not in COMPARISONS:
            return None
        self._place += len(word.split())
        return COMPARISONS[word]

    def _chain(self, signs: Mapping[str, Operator], part: Callable[[], Expression]) -> Expression:
        left = part()
        while (token := self._tokens[self._place]).kind == "sign" and token.text in signs:
            self._place += 1
            left = _two_sided(signs[token.text], left, part())
        return left

    def _signed(self) -> Expression:
        minus = False
        while (token := self._tokens[self._place]).kind == "sign" and token.text in "+-":
            minus ^= token.text == "-"
            self._place += 1
        inner = self._powered()
        return _one_sided(operators.negated, inner) if minus else inner

    def _powered(self) -> Expression:
        base = self._following(self._atom())
        if self._take("**"):
            self._depth += 1
            if self._depth > DEPTH_LIMIT:
                raise ExpressionInvalid(f"the expression is nested more than {DEPTH_LIMIT} deep")
            exponent = self._signed()
            self._depth -= 1
            return _two_sided(operators.power, base, exponent)
        return base

    def _following(self, value: Expression) -> Expression:
        """Read what may follow a value: `.key`, `.function(...)`, `[place]`."""
        while True:
            if self._take("["):
                value = _two_sided(_item, value, self.either())
                self.expect("sign", "]")
            elif self._take("."):
                token = self._tokens[self._place]
                if token.kind != "name":
                    raise ExpressionInvalid(f"the expression has {_said(token)} where a name should be")
                self._place += 1
                value = self._call(token.text, [value]) if self._take("(") else _key(value, token.text)
            else:
                return value

    def _atom(self) -> Expression:
        token = self._tokens[self._place]
        self._place += 1
        if token.kind == "number":
            spelled = number(token.text)
            return lambda _: spelled
        if token.kind == "text":
            compiled = compile_text(unquoted(token.text))
            return lambda scope: resolved(compiled, scope)
        if token.kind == "reference":
            return _reference(token.text)
        if token.kind == "name" and token.text not in _TAKEN:
            return self._named(token.text)
        if token.text == "(":
            inner = self.either()
            self.expect("sign", ")")
            return inner
        if token.text == "[":
            return _list(self._arguments("]"))
        raise ExpressionInvalid(f"the expression has {_said(token)} where a value should be")

    def _named(self, name: str) -> Expression:
        if name in _WORDS:
            word = _WORDS[name]
            return lambda _: word
        return self._call(name, []) if self._take("(") else _variable(name)

    def _call(self, name: str, first: list[Expression]) -> Expression:
        if name not in FUNCTIONS:
            raise ExpressionInvalid(f"there is no function {name!r}; there are {', '.join(sorted(FUNCTIONS))}")
        function, least, most = FUNCTIONS[name]
        arguments = first + self._arguments(")")
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise ExpressionInvalid(f"{name} takes {wanted} arguments, not {len(arguments)}")
        return lambda scope: function(*[argument(scope) for argument in arguments])

    def _arguments(self, end: str) -> list[Expression]:
        arguments: list[Expression] = []
        while not self._take(end):
            if arguments:
                self.expect("sign", ",")
            arguments.append(self.either())
        return arguments

    def _take(self, text: str) -> bool:
        token = self._tokens[self._place]
        if token.text == text and token.kind in ("sign", "name"):
            self._place += 1
            return True
        return False


def _said(token: Token) -> str:
    return "its end" if token.kind == "end" else repr(token.text)


def _first_true(sides: list[Expression]) -> Expression:
    def compute(scope: Scope) -> Any:
        value = None
        for side in sides:
            value = side(scope)
            if boolean(value):
                break
        return value

    return compute


def _all_true(sides: list[Expression]) -> Expression:
    def compute(scope: Scope) -> Any:
        value = None
        for side in sides:
            value = side(scope)
            if not boolean(value):
                break
        return value

    return compute


def _compared_in_turn(left: Expression, comparisons: list[tuple[Operator, Expression]]) -> Expression:
    """Return what computes `1 < a < 5`, each pair of neighbours compared."""

    def compute(scope: Scope) -> bool:
        value = left(scope)
        for compare, side in comparisons:
            right = side(scope)
            if not compare(value, right):
                return False
            value = right
        return True

    return compute


def _one_sided(compute: Callable[[Any], Any], inner: Expression) -> Expression:
    return lambda scope: compute(inner(scope))


def _two_sided(compute: Operator, left: Expression, right: Expression) -> Expression:
    return lambda scope: compute(left(scope), right(scope))


def _list(items: list[Expression]) -> Expression:
    return lambda scope: [item(scope) for item in items]


def _reference(written: str) -> Expression:
    (piece,) = parse(written) or ("",)
    if not isinstance(piece, Reference):
        raise ExpressionInvalid(f"{written!r:.60} is not a name to look up")

    def compute(scope: Scope) -> Any:
        value = look_up(piece, scope)
        if value is MISSING:
            scope.unknown(written)
            return None
        return value

    return compute


def _variable(name: str) -> Expression:
    def compute(scope: Scope) -> Any:
        value = scope.find(name)
        if value is MISSING:
            raise NodeFailed(f"nothing is called {name!r} here")
        return value

    return compute


def _key(value: Expression, name: str) -> Expression:
    def compute(scope: Scope) -> Any:
        found = follow(value(scope), (name,))
        return None if found is MISSING else found

    return compute


def _item(value: Any, place: Any) -> Any:
    if isinstance(value, str) and isinstance(place, int) and -len(value) <= place < len(value):
        return value[place]
    found = follow(value, (place if isinstance(place, int) else as_text(place),))
    if found is MISSING:
        raise NodeFailed(f"{shown(value)} has no item {shown(place)}")
    return found
