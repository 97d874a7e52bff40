"""What the run process of a bot executes: config.yaml and the bot's steps become a graph, and the graph is run."""

import importlib
from pathlib import Path
from typing import Final

from workers.flow import ConfigInvalid, Outcome, bot_config, compile_bot, load_catalog, run_graph
from workers.flow.outcome import outcome_of
from workers.runner.run_process import RunHost

# The engine imports it when a step needs a page, which takes 200 ms; here the zygote pays for it, once for all runs.
PLAYWRIGHT: Final = importlib.import_module("playwright.async_api")


async def run_bot(host: RunHost) -> Outcome:
    """Run the bot in the folder of `host`.

    The job names `bot_code` and `bots_dir` (None: only the bots that are installed).
    """
    bots_dir: str | None = host.job["bots_dir"]
    try:
        catalog = load_catalog(Path(bots_dir) if bots_dir else None)
        graph = compile_bot(bot_config.read(host.folder), host.job["bot_code"], catalog)
    except ConfigInvalid as mistake:
        host.log("error", f"{mistake.error_type}: {mistake}")
        return outcome_of(mistake, steps_finished=0, outputs={})
    return await run_graph(graph, host)
