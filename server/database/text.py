"""Text that both databases can keep."""


def storable(text: str) -> str:
    """Return `text` with U+FFFD for each NUL: Postgres refuses the character, and nobody can see the difference."""
    return text.replace("\x00", "\ufffd")
