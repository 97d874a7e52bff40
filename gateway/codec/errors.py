"""Why a JSON text is no message, or a message has no JSON."""

from gateway.errors import BadRequest, Violation


class DumpError(ValueError):
    """The message has no ProtoJSON form: a time out of range, an Any of an unknown type, an empty Value."""


class ParseError(BadRequest):
    """A text is not the JSON of the message; `field_path` names the field, empty for the text as a whole.

    `predicate` completes "<field> ...", for example "must be an integer".
    """

    def __init__(self, predicate: str, field_path: str = "") -> None:
        message = f"{field_path or 'body'} {predicate}"
        super().__init__(message, [Violation(field_path, message)])
        self.predicate = predicate
        self.field_path = field_path

    def inside(self, parent: str) -> "ParseError":
        """The same refusal, seen from the message, list or map that holds the value as `parent`."""
        joint = "" if not self.field_path or self.field_path.startswith("[") else "."
        return ParseError(self.predicate, f"{parent}{joint}{self.field_path}")
