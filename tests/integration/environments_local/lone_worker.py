"""Stands in for a worker under `switchyard up`: makes sure that one environment runs, says where, and waits.

As a worker it adopts what loses its parent, and its end is that of a process which does not clean up.
"""

import asyncio
import os
import sys
import time
from pathlib import Path

from tests.integration.environments_local.conftest import SMALL_EDITOR, plan
from workers.config import read_config
from workers.environments.local.provider import LocalProvider
from workers.environments.providers import Surroundings
from workers.runner import linux


async def main(data_dir: Path, environment_id: str) -> None:
    linux.adopt_orphans()
    up_pid = read_config(os.environ).up_pid
    provider = LocalProvider(Surroundings({}, data_dir, data_dir / "work", SMALL_EDITOR, up_pid))
    made = await provider.create(plan(environment_id), lambda _name, _fraction: None)
    with (data_dir / "worker.log").open("a") as log:
        log.write(f"{os.getpid()} {made.ide_url}\n")
    time.sleep(1000)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
