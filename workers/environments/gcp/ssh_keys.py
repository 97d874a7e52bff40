"""Who may log in at a machine: the item `ssh-keys` of its metadata, a line for each key.

Pure. The guest agent of the machine takes a line with an end in this form only, which is that of gcloud.
Source: https://cloud.google.com/compute/docs/connect/add-ssh-keys#add_ssh_keys_to_instance_metadata
"""

import re
from datetime import datetime, timedelta
from typing import Final

ITEM: Final = "ssh-keys"
# The guest agent makes this user, who may then do everything at the machine.
USER: Final = "switchyard"
VALID: Final = timedelta(hours=1)
# A key that has less is renewed: it must still be good when the machine looks at it.
LEAST: Final = timedelta(minutes=10)

_TIME: Final = "%Y-%m-%dT%H:%M:%S%z"
_OURS: Final = re.compile(rf'{USER}:\S+ \S+ google-ssh {{"userName":"{USER}","expireOn":"([-\dT:]+\+0000)"}}')


def with_key(text: str, public_key: str, *, now: datetime) -> str | None:
    """Return `text`, the item, with a line for `public_key` ("ssh-ed25519 AAAA..."); None if it has a good one.

    Keys of workers whose time is over go; those of others stay as they are. `now` is aware.
    """
    lines = [line for line in text.splitlines() if (end := _end(line)) is None or end > now]
    mine = f"{USER}:{public_key} google-ssh "
    if any(line.startswith(mine) and (end := _end(line)) is not None and end > now + LEAST for line in lines):
        return None
    others = [line for line in lines if not line.startswith(mine)]
    until = (now + VALID).strftime(_TIME)
    return "\n".join([*others, f'{mine}{{"userName":"{USER}","expireOn":"{until}"}}'])


def _end(line: str) -> datetime | None:
    """Return when a key of a worker is no longer good; None is a key of someone else."""
    ours = _OURS.fullmatch(line)
    return None if ours is None else datetime.strptime(ours[1], _TIME)
