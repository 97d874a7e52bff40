"""What a holder is told, as one JSON object on its standard input: the secrets are nowhere else."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Self


class OrderBroken(Exception):
    """Whoever gave the order was gone before it was complete."""


@dataclass(frozen=True, slots=True)
class Order:
    """One environment to hold. `hidden` and `shown` are paths: nothing in it sees the first, but for the second."""

    data_dir: str
    environment_id: str
    region: str
    user_id: str
    cpu_cores: int
    memory_gb: int
    startup_script: str
    ide_command: Sequence[str]
    variables: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    hidden: Sequence[str]
    shown: Sequence[str]
    up: int | None  # descriptor of the `switchyard up` with which it ends

    def to_json(self) -> bytes:
        """Return it as `from_json` takes it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Raises OrderBroken."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise OrderBroken from error
