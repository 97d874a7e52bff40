"""A small engine for graphs of steps: what bots do today, what whole workflows are made of.

`compile_bot` turns a bot's config.yaml into a `Graph`; `run_graph` executes one, with a `Host` as its only way to the
outside. It knows no server, no gRPC and no Task; importing it starts nothing and does not import Playwright.
"""

from workers.flow.bot_catalog import BotCatalog, load_catalog
from workers.flow.compile import compile_bot
from workers.flow.engine import run_graph
from workers.flow.errors import AddressRefused, ConfigInvalid, FlowError
from workers.flow.graph import Graph
from workers.flow.host import Host
from workers.flow.outcome import Outcome
from workers.flow.validate import Check, validate_config

__all__ = [
    "AddressRefused",
    "BotCatalog",
    "Check",
    "ConfigInvalid",
    "FlowError",
    "Graph",
    "Host",
    "Outcome",
    "compile_bot",
    "load_catalog",
    "run_graph",
    "validate_config",
]
