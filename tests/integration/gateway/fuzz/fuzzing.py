"""How long and from where the targets run: FUZZ_SECONDS for all of them together (25), seeds from FUZZ_SEED (1) on."""

import os
import time
from collections.abc import Callable
from typing import Final

from hypothesis import HealthCheck, seed, settings

# Each of them has the same share of the time.
TARGETS: Final = 5
SHARE_SECONDS: Final = float(os.environ.get("FUZZ_SECONDS", "25")) / TARGETS
# More than a target may take: its share, and the search for the smallest input that fails.
TIMEOUT_SECONDS: Final = SHARE_SECONDS + 120
FIRST_SEED: Final = int(os.environ.get("FUZZ_SEED", "1"))

fuzz_settings = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=[*HealthCheck], print_blob=False
)


def fuzz(target: Callable[[], None]) -> None:
    """Run `target` with one seed after the other until its share of the time is over."""
    over = time.monotonic() + SHARE_SECONDS
    number = FIRST_SEED
    while time.monotonic() < over:
        seed(number)(target)()
        number += 1
