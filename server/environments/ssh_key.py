"""Whether a text has the form of a public SSH key. Pure."""

import re
from typing import Final

# Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT", without options; one line. The data of each of these types begins with
# three zero bytes. Whether all of it is base64 is left to sshd: documents abbreviate it with dots.
_KEY: Final = re.compile(
    r"(ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com"
    r"|sk-ecdsa-sha2-nistp256@openssh\.com) AAAA[A-Za-z0-9+/=.]*( [^\x00-\x1f\x7f]*)?"
)


def is_public_key(text: str) -> bool:
    """Whether `text` is "<type> <data> [<comment>]" of a type that sshd takes."""
    return _KEY.fullmatch(text) is not None
