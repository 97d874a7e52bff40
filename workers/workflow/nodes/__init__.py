"""The types of nodes there are, one module for each family."""

from typing import Final

from workers.workflow.nodes import (
    browser,
    checks,
    choices,
    dates,
    files,
    files_listing,
    http_calls,
    http_downloads,
    lists,
    loops,
    numbers,
    objects,
    parallel,
    recovery,
    start_end,
    subflows,
    tables,
    texts,
    urls,
    variables,
    waiting,
)
from workers.workflow.refused import REFUSED
from workers.workflow.registry import Registry

NODE_TYPES: Final = Registry(
    [
        *start_end.NODES,
        *choices.NODES,
        *loops.NODES,
        *recovery.NODES,
        *parallel.NODES,
        *subflows.NODES,
        *waiting.NODES,
        *variables.NODES,
        *checks.NODES,
        *numbers.NODES,
        *texts.NODES,
        *lists.NODES,
        *objects.NODES,
        *dates.NODES,
        *http_calls.NODES,
        *http_downloads.NODES,
        *urls.NODES,
        *files.NODES,
        *files_listing.NODES,
        *tables.NODES,
        *browser.NODES,
    ],
    REFUSED,
)
