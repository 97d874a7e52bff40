"""A worker process whose runs execute the stand-in program."""

import asyncio
import os
import sys

from workers.config import read_config
from workers.main import work
from workers.structured_logs import configure_logs

if __name__ == "__main__":
    configure_logs(sys.stderr)
    asyncio.run(work(read_config(os.environ), programs={"run_bot": "tests.integration.workers.stand_in:run"}))
