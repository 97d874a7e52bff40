"""What a database answers once it was closed."""


class DatabaseClosed(RuntimeError):
    """The database was closed; nothing can be read or written any more."""

    def __init__(self) -> None:
        super().__init__("the database is closed")
