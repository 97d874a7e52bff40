"""The nodes of this ComfyUI. Those of real names behave as ComfyUI's own do; the others make test cases:

SeedImage    has a seed, and a picture of that colour: the file tells which seed made it
SlowImage    tells its progress, step by step
HoldImage    goes on when the test opens its gate, or ends when it is interrupted
DeafImage    the same, but for interruptions, which it does not hear
FailImage    fails with the message it is given
SaveAnyFile  leaves a text file under the output kind it is given: "gifs", "audio" ...
"""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.comfyui.folders import Folders
from tests.comfyui.png import Picture, decode, encode

MAX_RESOLUTION: Final = 16384
MAX_SEED: Final = 0xFFFFFFFFFFFFFFFF
# How often a HoldImage node looks whether its gate is open.
GATE_SECONDS: Final = 0.01

Graph = Mapping[str, Any]


class Interrupted(Exception):
    """Somebody asked ComfyUI to interrupt what it executes."""


@dataclass(frozen=True)
class Call:
    """What a node is executed with."""

    inputs: Mapping[str, Any]
    prompt: Graph
    extra_data: Mapping[str, Any]
    folders: Folders
    report: Callable[[int, int], Awaitable[None]]
    """Tells the steps done, and all. Raises Interrupted."""
    check: Callable[[], None]
    """Raises Interrupted when the node should end."""


@dataclass(frozen=True)
class Result:
    """Values for the outputs, and what the page is shown: kind to entries."""

    values: Sequence[Any] = ()
    ui: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeType:
    """One type of node. Inputs are as ComfyUI describes them: name to type (or choices) and options."""

    run: Callable[[Call], Awaitable[Result]]
    required: Mapping[str, Sequence[Any]]
    outputs: Sequence[str]
    category: str
    output_node: bool = False
    hidden: Mapping[str, str] = field(default_factory=dict)
    # Part of what a result is remembered by; more than the inputs where it depends on a file.
    fingerprint: Callable[[Mapping[str, Any], Folders], str] = lambda inputs, folders: ""
    # Says what is wrong with the inputs, or None; instead of the check against the choices.
    refusal: Callable[[Mapping[str, Any], Folders], tuple[str, str] | None] | None = None


async def empty_image(call: Call) -> Result:
    picture = Picture(call.inputs["width"], call.inputs["height"], call.inputs["color"])
    return Result([[picture] * call.inputs["batch_size"]])


async def seed_image(call: Call) -> Result:
    color = call.inputs["seed"] & 0xFFFFFF
    return Result([[Picture(each.width, each.height, color) for each in call.inputs["image"]]])


async def slow_image(call: Call) -> Result:
    steps = call.inputs["steps"]
    for step in range(steps):
        await asyncio.sleep(call.inputs["step_seconds"])
        await call.report(step + 1, steps)
    return Result([call.inputs["image"]])


async def hold_image(call: Call) -> Result:
    gate = call.folders.gates / call.inputs["gate"]
    while not gate.exists():
        call.check()
        await asyncio.sleep(GATE_SECONDS)
    return Result([call.inputs["image"]])


async def deaf_image(call: Call) -> Result:
    while not (call.folders.gates / call.inputs["gate"]).exists():
        await asyncio.sleep(GATE_SECONDS)
    return Result([call.inputs["image"]])


async def fail_image(call: Call) -> Result:
    raise RuntimeError(call.inputs["message"])


async def load_image(call: Call) -> Result:
    picture = decode((call.folders.input / call.inputs["image"]).read_bytes())
    return Result([[picture], [picture]])


async def save_image(call: Call) -> Result:
    return _saved(call, "output", call.inputs["filename_prefix"])


async def preview_image(call: Call) -> Result:
    return _saved(call, "temp", f"ComfyUI_temp_{secrets.token_hex(3)}")


async def save_animated_png(call: Call) -> Result:
    saved = _saved(call, "output", call.inputs["filename_prefix"])
    return Result(ui={"images": saved.ui["images"], "animated": [True]})


async def text(call: Call) -> Result:
    return Result([call.inputs["value"]])


async def preview_any(call: Call) -> Result:
    return Result(ui={"text": [str(call.inputs["source"])]})


async def save_any_file(call: Call) -> Result:
    path, subfolder = call.folders.next_name("output", call.inputs["filename_prefix"], call.inputs["extension"])
    path.write_text(call.inputs["text"])
    return Result(ui={call.inputs["kind"]: [{"filename": path.name, "subfolder": subfolder, "type": "output"}]})


def _saved(call: Call, kind: str, prefix: str) -> Result:
    texts = {"prompt": json.dumps(call.prompt)}
    texts |= {key: json.dumps(value) for key, value in (call.extra_data.get("extra_pnginfo") or {}).items()}
    entries = []
    for picture in call.inputs["images"]:
        path, subfolder = call.folders.next_name(kind, prefix, ".png")
        path.write_bytes(encode(picture, texts))
        entries.append({"filename": path.name, "subfolder": subfolder, "type": kind})
    return Result(ui={"images": entries})


def _hash_of_file(inputs: Mapping[str, Any], folders: Folders) -> str:
    return hashlib.sha256((folders.input / inputs["image"]).read_bytes()).hexdigest()


def _missing_file(inputs: Mapping[str, Any], folders: Folders) -> tuple[str, str] | None:
    name = inputs.get("image")
    if isinstance(name, str) and not (folders.input / name).is_file():
        return "image", f"Invalid image file: {name}"
    return None


def _integer(default: int, least: int, most: int, **options: Any) -> Sequence[Any]:
    return ["INT", {"default": default, "min": least, "max": most, **options}]


_SEED: Final = _integer(0, 0, MAX_SEED, control_after_generate=True, tooltip="The random seed.")
_PREFIX: Final = ["STRING", {"default": "ComfyUI", "tooltip": "The prefix for the file to save."}]
_SAVING: Final = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}

NODE_TYPES: Final[Mapping[str, NodeType]] = {
    "EmptyImage": NodeType(
        empty_image,
        {
            "width": _integer(512, 1, MAX_RESOLUTION, step=1),
            "height": _integer(512, 1, MAX_RESOLUTION, step=1),
            "batch_size": _integer(1, 1, 4096),
            "color": _integer(0, 0, 0xFFFFFF, step=1, display="color"),
        },
        ["IMAGE"],
        "image",
    ),
    "LoadImage": NodeType(
        load_image,
        # The choices are the files that are there; see `description`.
        {"image": [[], {"image_upload": True}]},
        ["IMAGE", "MASK"],
        "image",
        fingerprint=_hash_of_file,
        refusal=_missing_file,
    ),
    "SaveImage": NodeType(
        save_image,
        {"images": ["IMAGE", {"tooltip": "The images to save."}], "filename_prefix": _PREFIX},
        [],
        "image",
        output_node=True,
        hidden=_SAVING,
    ),
    "PreviewImage": NodeType(preview_image, {"images": ["IMAGE", {}]}, [], "image", output_node=True, hidden=_SAVING),
    "SaveAnimatedPNG": NodeType(
        save_animated_png,
        {"images": ["IMAGE", {}], "filename_prefix": _PREFIX},
        [],
        "image/animation",
        output_node=True,
        hidden=_SAVING,
    ),
    "PrimitiveStringMultiline": NodeType(
        text, {"value": ["STRING", {"multiline": True}]}, ["STRING"], "utils/primitive"
    ),
    "PreviewAny": NodeType(preview_any, {"source": ["*", {}]}, [], "utils", output_node=True),
    "SeedImage": NodeType(
        seed_image,
        {
            "image": ["IMAGE", {}],
            "seed": _SEED,
            "strength": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}],
            "sampler_name": [["euler", "heun", "ddim"], {}],
        },
        ["IMAGE"],
        "testing",
    ),
    "SlowImage": NodeType(
        slow_image,
        {
            "image": ["IMAGE", {}],
            "steps": _integer(20, 1, 10000),
            "step_seconds": ["FLOAT", {"default": 0.05, "min": 0.0, "max": 60.0, "step": 0.01}],
            "noise_seed": _SEED,
        },
        ["IMAGE"],
        "testing",
    ),
    "HoldImage": NodeType(
        hold_image,
        {"image": ["IMAGE", {}], "gate": ["STRING", {"default": "gate"}], "seed": _SEED},
        ["IMAGE"],
        "testing",
    ),
    "DeafImage": NodeType(
        deaf_image, {"image": ["IMAGE", {}], "gate": ["STRING", {"default": "gate"}]}, ["IMAGE"], "testing"
    ),
    "FailImage": NodeType(
        fail_image,
        {"image": ["IMAGE", {}], "message": ["STRING", {"default": "it failed"}]},
        ["IMAGE"],
        "testing",
    ),
    "SaveAnyFile": NodeType(
        save_any_file,
        {
            "text": ["STRING", {"default": "", "multiline": True}],
            "kind": [["gifs", "audio", "files", "3d"], {}],
            "extension": ["STRING", {"default": ".txt"}],
            "filename_prefix": _PREFIX,
        },
        [],
        "testing",
        output_node=True,
    ),
}


def description(name: str, folders: Folders) -> dict[str, Any]:
    """What /object_info says about a type of node."""
    kind = NODE_TYPES[name]
    inputs: dict[str, Mapping[str, Any]] = {"required": dict(kind.required)}
    if name == "LoadImage":
        files = sorted(path.name for path in folders.input.iterdir() if path.is_file())
        inputs["required"] = {"image": [files, {"image_upload": True}]}
    if kind.hidden:
        inputs["hidden"] = kind.hidden
    return {
        "input": inputs,
        "input_order": {group: list(names) for group, names in inputs.items()},
        "output": kind.outputs,
        "output_is_list": [False] * len(kind.outputs),
        "output_name": kind.outputs,
        "name": name,
        "display_name": name,
        "description": "",
        "python_module": "nodes",
        "category": kind.category,
        "output_node": kind.output_node,
    }
