"""Secrets at rest: encrypted with a key that lies in the data folder, apart from the database."""

import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from server.config import ConfigInvalid

FILE_NAME: Final = "secret.key"


class SecretBox:
    """Encrypts and decrypts with one Fernet key (AES-128-CBC and HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._fernet = Fernet(key)

    def encrypt(self, text: str) -> bytes:
        """Return what may be stored."""
        return self.seal(text.encode())

    def decrypt(self, stored: bytes) -> str:
        """Return the text again.

        Raises:
            cryptography.fernet.InvalidToken: it was encrypted with another key, or was changed.
        """
        return self.unseal(stored).decode()

    def seal(self, data: bytes) -> bytes:
        """Return what may be stored of any data; it takes 4/3 of the room."""
        return self._fernet.encrypt(data)

    def unseal(self, stored: bytes) -> bytes:
        """Return the data again. Raises what `decrypt` does."""
        return self._fernet.decrypt(stored)

    def key_for(self, purpose: str) -> bytes:
        """Return a secret of 32 bytes for a purpose of its own: the same for the same key, and no other's."""
        return hmac.new(self._key, f"key for {purpose}".encode(), hashlib.sha256).digest()

    def fingerprint(self, text: str) -> str:
        """Return what is the same for the same text, and tells nothing of it to whoever has not the key."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def open_secret_box(data_dir: Path) -> SecretBox:
    """Return the box of this data folder; its key is made at the first start, mode 0600.

    Raises:
        ConfigInvalid: the file does not hold a key. The message names it.
    """
    path = data_dir / FILE_NAME
    if not path.exists():
        _create(path, Fernet.generate_key())
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    try:
        return SecretBox(path.read_bytes().strip())
    except ValueError as error:
        raise ConfigInvalid(f"{path} does not hold a key; restore it, secrets stored before need it") from error


def _create(path: Path, key: bytes) -> None:
    """Write the key whole or not at all, and never over one that another process has just made."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()
