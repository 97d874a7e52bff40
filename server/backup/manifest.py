"""What a backup says of itself. It is the last entry of the archive, so that a backup that broke off has none."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

FORMAT: Final = 1
NAME: Final = "manifest.json"


class BackupInvalid(Exception):
    """The file is not a whole backup; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Size in bytes and SHA-256, in hex, of one file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was saved: when, by which version, which database with how many rows in each table, and each file."""

    # RFC 3339, UTC.
    create_time: str
    version: str
    # "sqlite" or "postgresql".
    engine: str
    # Newest revision of the schema that the database had.
    schema: str
    rows: Mapping[str, int]
    files: Mapping[str, Entry]

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_bytes(cls, text: bytes) -> "Manifest":
        """Read what `to_bytes` gave.

        Raises:
            BackupInvalid: it is something else, or of a newer program.
        """
        try:
            found = json.loads(text)
            form = found.pop("format")
            files = {name: Entry(**entry) for name, entry in found.pop("files").items()}
            manifest = cls(**found, files=files)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupInvalid("its manifest cannot be read") from error
        if form != FORMAT:
            raise BackupInvalid(f"it has format {form}, this program reads {FORMAT}: restore it with a newer one")
        return manifest
