"""`python -m workers`: one worker process, configured by its environment."""

import asyncio
import os
import sys

from workers.config import SettingInvalid, read_config
from workers.main import work
from workers.structured_logs import configure_logs


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
