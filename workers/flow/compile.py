"""From the phases people write to the graph that runs. Pure.

    phases:
      - name: publish
        steps:
          - goto: {url: "{{params.url}}"}
          - click: "#publish"
          - if: {exists: ".error", steps: [{log: "it complained"}], else: [{expect: ".post"}]}

Every mistake is told with its phase and the number of its step: 3, or 3.1 for the first step inside step 3, or
3.else.1 for the first one in its block "else".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workers.flow.arguments import as_map, examine
from workers.flow.bot_catalog import BotCatalog
from workers.flow.bot_config import parse
from workers.flow.errors import ConfigInvalid
from workers.flow.graph import EXEC_OUT, Graph, Node
from workers.flow.nodes import NODE_TYPES
from workers.flow.registry import NodeType, Registry

# A port of a node that does not lead anywhere yet.
Exit = tuple[str, str]


def compile_bot(
    config: Mapping[str, object], bot_code: str, catalog: BotCatalog, *, types: Registry = NODE_TYPES
) -> Graph:
    """Return the graph that a config.yaml means. With empty `phases` the bot called `bot_code` says what to do.

    `params` of the graph are the bot's own defaults with those of config.yaml laid over them.

    Raises:
        ConfigInvalid: a key is wrong, the bot is not known, or a step is not well formed.
    """
    parsed = parse(config)
    bot = None if parsed.phases else catalog.get(bot_code)
    graph = compile_phases(bot.phases if bot else parsed.phases, types=types)
    defaults = bot.params if bot else {}
    return replace(graph, settings=parsed.settings, params={**defaults, **parsed.params})


def compile_phases(phases: object, *, types: Registry = NODE_TYPES) -> Graph:
    """Return the graph of a list of phases.

    Raises:
        ConfigInvalid: a phase or a step is not well formed.
    """
    if not isinstance(phases, list):
        raise ConfigInvalid("'phases' must be a list")
    draft = _Draft(types)
    exits: list[Exit] = []
    start: str | None = None
    for number, phase in enumerate(phases, 1):
        name, steps = _phase(number, phase)
        first, leaving = draft.add_block(name, f"p{number}", "", steps)
        draft.connect(exits, first)
        start, exits = start or first, leaving
    return Graph(draft.nodes, draft.edges, start, tuple(draft.outline))


def _phase(number: int, phase: object) -> tuple[str, object]:
    if not isinstance(phase, Mapping):
        raise ConfigInvalid(f"phase {number} must be a map with 'name' and 'steps'")
    name = phase.get("name", f"phase {number}")
    if not isinstance(name, str) or not name.strip():
        raise ConfigInvalid(f"phase {number}: 'name' must be a text")
    for key in phase:
        if key not in ("name", "steps"):
            raise ConfigInvalid(f"phase {name!r}: there is no key {key!r}, only 'name' and 'steps'")
    return name, phase.get("steps")


@dataclass
class _Draft:
    """A graph in the making."""

    types: Registry
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, dict[str, str]] = field(default_factory=dict)
    outline: list[str] = field(default_factory=list)

    def connect(self, exits: list[Exit], target: str) -> None:
        for node_id, port in exits:
            self.edges.setdefault(node_id, {})[port] = target

    def add_block(self, phase: str, prefix: str, step_prefix: str, steps: object) -> tuple[str, list[Exit]]:
        """Add steps that follow one another; return the first node and where the last one leaves."""
        where = f"phase {phase!r}" + (f", step {step_prefix.rstrip('.')}" if step_prefix else "")
        if not isinstance(steps, list) or not steps:
            raise ConfigInvalid(f"{where}: 'steps' must be a list of at least one step")
        first: str | None = None
        exits: list[Exit] = []
        for number, step in enumerate(steps, 1):
            node_id, leaving = self._add_step(phase, f"{prefix}.{number}", f"{step_prefix}{number}", step)
            if not step_prefix:
                self.outline.append(node_id)
            self.connect(exits, node_id)
            first, exits = first or node_id, leaving
        return first or "", exits

    def _add_step(self, phase: str, node_id: str, step: str, raw: object) -> tuple[str, list[Exit]]:
        try:
            kind, arguments, blocks = _read_step(self.types, raw)
        except ConfigInvalid as mistake:
            raise mistake.at(f"phase {phase!r}, step {step}") from None
        self.nodes[node_id] = Node(node_id, kind.name, arguments, phase, step)
        exits: list[Exit] = []
        for key, steps in blocks.items():
            inner = "." if key == "steps" else f".{key}."
            first, leaving = self.add_block(phase, f"{node_id}{inner}".rstrip("."), f"{step}{inner}", steps)
            self.connect([(node_id, kind.blocks[key])], first)
            if kind.blocks_return:
                self.connect(leaving, node_id)
            else:
                exits += leaving
        if kind.blocks_return or not kind.blocks:
            return node_id, [(node_id, EXEC_OUT)]
        # A branch that was not written leads on to the next step by itself.
        return node_id, exits + [(node_id, port) for key, port in kind.blocks.items() if key not in blocks]


def _read_step(types: Registry, raw: object) -> tuple[NodeType[Any], dict[str, object], dict[str, object]]:
    if isinstance(raw, str):  # `- screenshot`: a node without arguments
        raw = {raw: None}
    if not isinstance(raw, Mapping) or len(raw) != 1:
        raise ConfigInvalid("a step must be a map of one node name to its arguments")
    [(name, given)] = raw.items()
    kind = types.get(name)
    if kind is None:
        raise ConfigInvalid(f"there is no node {name!r}{types.hint(str(name))}")
    try:
        arguments, blocks = _split(kind, given)
        examine_arguments(kind, arguments)
    except ConfigInvalid as mistake:
        raise ConfigInvalid(f"{name}: {mistake.reason}") from None
    return kind, arguments, blocks


def _split(kind: NodeType[Any], given: object) -> tuple[dict[str, object], dict[str, object]]:
    arguments = as_map(kind.arguments, given)
    blocks = {key: arguments.pop(key) for key in kind.blocks if key in arguments}
    if kind.blocks and "steps" not in blocks:
        raise ConfigInvalid("argument 'steps' is missing")
    if kind.one_block_of and not any(key in blocks for key in kind.one_block_of):
        raise ConfigInvalid(f"takes at least one of {', '.join(kind.one_block_of)}")
    return arguments, blocks


def examine_arguments(kind: NodeType[Any], arguments: Mapping[str, object]) -> bool:
    """Check the arguments of one node as far as that goes before it runs; tell whether they hold references.

    Raises:
        ConfigInvalid: one is unknown, missing, mistyped, out of range, or at odds with another.
    """
    chosen = [name for name in kind.one_of if name in arguments]
    if kind.one_of and len(chosen) != 1:
        raise ConfigInvalid(f"takes exactly one of {', '.join(kind.one_of)}")
    if sum(name in arguments for name in kind.at_most_one_of) > 1:
        raise ConfigInvalid(f"takes only one of {', '.join(kind.at_most_one_of)}")
    return examine(kind.arguments, arguments)
