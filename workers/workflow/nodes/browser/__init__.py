"""Nodes that work in a browser: Chromium through Playwright, acting openly. One browser for each run.

Time is given in milliseconds here, as files of this format do.
"""

from typing import Final

from workers.workflow.nodes.browser import acting, artifacts, cookies, navigation, reading, waiting, windows
from workers.workflow.registry import NodeType

NODES: Final[tuple[NodeType, ...]] = (
    *windows.NODES,
    *navigation.NODES,
    *acting.NODES,
    *waiting.NODES,
    *reading.NODES,
    *artifacts.NODES,
    *cookies.NODES,
)
