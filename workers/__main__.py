"""`python -m workers`: one worker process, configured by its environment."""

import asyncio
import gc
import os
import sys

# What a start makes is there to stay, and to look for garbage in it takes a tenth of the time. `work` begins with it.
gc.disable()

from workers.config import SettingInvalid, read_config  # noqa: E402 - not before
from workers.main import work  # noqa: E402
from workers.structured_logs import configure_logs  # noqa: E402


def main() -> None:
    """Run a worker until it is told to stop."""
    try:
        config = read_config(os.environ)
    except SettingInvalid as mistake:
        sys.exit(f"switchyard worker: {mistake}")
    configure_logs(sys.stderr)
    asyncio.run(work(config))


if __name__ == "__main__":
    main()
