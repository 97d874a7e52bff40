"""Workflows to test with: in the format of ComfyUI's API, and in that of its page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Api = dict[str, dict[str, Any]]

COLOR: Final = 0x3366CC


def save_image(*, width: int = 64, height: int = 48, color: int = COLOR, prefix: str = "picture") -> Api:
    """EmptyImage -> SaveImage."""
    return {"1": empty(width, height, color), "2": node("SaveImage", images=["1", 0], filename_prefix=prefix)}


def with_seed(seed: int, *, prefix: str = "seeded") -> Api:
    """EmptyImage -> SeedImage -> SaveImage: the colour of the picture is the seed, so each seed is executed."""
    between = node("SeedImage", image=["1", 0], seed=seed, strength=1.0, sampler_name="euler")
    return between_both(between, prefix)


def with_progress(steps: int = 5, *, step_seconds: float = 0.01, seed: int = 0, prefix: str = "slow") -> Api:
    """EmptyImage -> SlowImage -> SaveImage."""
    between = node("SlowImage", image=["1", 0], steps=steps, step_seconds=step_seconds, noise_seed=seed)
    return between_both(between, prefix)


def held(gate: str, *, seed: int = 0, prefix: str = "held") -> Api:
    """EmptyImage -> HoldImage -> SaveImage: runs until the gate is open."""
    return between_both(node("HoldImage", image=["1", 0], gate=gate, seed=seed), prefix)


def deaf(gate: str) -> Api:
    """EmptyImage -> DeafImage -> SaveImage: runs until the gate is open, and cannot be interrupted."""
    return between_both(node("DeafImage", image=["1", 0], gate=gate), "deaf")


def failing(message: str = "it failed") -> Api:
    """EmptyImage -> FailImage -> SaveImage: is taken, and fails."""
    return between_both(node("FailImage", image=["1", 0], message=message), "failed")


def unknown_node(name: str = "NobodyKnowsThis") -> Api:
    """EmptyImage -> a node that ComfyUI has not -> SaveImage."""
    return between_both(node(name, image=["1", 0]), "unknown")


def between_both(between: dict[str, Any], prefix: str) -> Api:
    """EmptyImage -> `between` -> SaveImage."""
    saving = node("SaveImage", images=["2", 0], filename_prefix=prefix)
    return {"1": empty(64, 48, COLOR), "2": between, "3": saving}


def empty(width: int, height: int, color: int) -> dict[str, Any]:
    return node("EmptyImage", width=width, height=height, batch_size=1, color=color)


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """One node in the format of the API."""
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


def as_page_format(workflow: Api, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the same workflow as the page saves it. Every node has one output, called IMAGE."""
    links: list[list[Any]] = []
    nodes = [_page_node(int(node_id), each, links, workflow) for node_id, each in workflow.items()]
    for each in nodes:
        each["outputs"][0]["links"] = [link[0] for link in links if link[1] == each["id"]]
        if title := (titles or {}).get(str(each["id"])):
            each["title"] = title
    return {
        "last_node_id": max(each["id"] for each in nodes),
        "last_link_id": len(links),
        "nodes": nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _page_node(node_id: int, node: Mapping[str, Any], links: list[list[Any]], workflow: Api) -> dict[str, Any]:
    inputs: list[dict[str, Any]] = []
    for name, value in node["inputs"].items():
        if isinstance(value, list):
            links.append([len(links) + 1, int(value[0]), value[1], node_id, len(inputs), "IMAGE"])
            inputs.append({"name": name, "type": "IMAGE", "link": len(links)})
    return {
        "id": node_id,
        "type": node["class_type"],
        "pos": [300 * node_id, 100],
        "size": [250, 200],
        "flags": {},
        "order": list(workflow).index(str(node_id)),
        "mode": 0,
        "inputs": inputs,
        "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [], "slot_index": 0}],
        "properties": {"Node name for S&R": node["class_type"]},
        "widgets_values": list(_widgets(node["inputs"])),
    }


def _widgets(inputs: Mapping[str, Any]) -> Sequence[Any]:
    """Their values in order; behind each seed the page keeps what becomes of it after a prompt."""
    values: list[Any] = []
    for name, value in inputs.items():
        if not isinstance(value, list):
            values += [value, "fixed"] if name in ("seed", "noise_seed") else [value]
    return values
