"""What ComfyUI remembers of a prompt: how it ended, and which files it left. Pure.

Source: `PromptQueue.task_done` of ComfyUI's execution.py, `/history` and `/queue` of its server.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from workers.comfy.workflow import Graph, name_in

# Files of one prompt that are fetched.
FILE_LIMIT: Final = 1000
_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True)
class Ended:
    """How ComfyUI ended a prompt. The node is where it failed, both empty when there was none."""

    state: Literal["success", "error", "interrupted"]
    message: str = ""
    node_id: str = ""
    node_type: str = ""


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file that a prompt left, as ComfyUI names it."""

    node_id: str
    kind: str  # "images", "gifs", "audio" ...
    filename: str
    subfolder: str
    type: str  # "output", "temp" or "input"

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of `/view` that give it."""
        return {"filename": self.filename, "subfolder": self.subfolder, "type": self.type}


def ending_of(entry: Mapping[str, Any], graph: Graph) -> Ended:
    """Return how a prompt ended, from its entry in the history. `graph` is what was executed."""
    status = entry.get("status")
    # Versions before 2024 wrote none.
    status = status if isinstance(status, dict) else {}
    for name, data in _messages(status):
        if name == "execution_interrupted":
            return Ended("interrupted", "ComfyUI was told to stop it")
        if name == "execution_error":
            return _failure(data, graph)
    if status.get("status_str", "success") == "success":
        return Ended("success")
    return Ended("error", "ComfyUI says that it failed, and not why")


def files_of(entry: Mapping[str, Any], graph: Graph) -> Sequence[ResultFile]:
    """Return the files that are named in an entry of the history, in the order of the nodes in `graph`."""
    outputs = entry.get("outputs")
    found = outputs if isinstance(outputs, dict) else {}
    order = [node_id for node_id in graph if node_id in found]
    ordered = [*order, *(node_id for node_id in found if node_id not in graph)]
    files = [file for node_id in ordered for file in _node_files(node_id, found[node_id])]
    return list(dict.fromkeys(files))[:FILE_LIMIT]


def is_queued(queue: Mapping[str, Any], comfy_prompt_id: str) -> Literal["running", "pending"] | None:
    """Return where a prompt is in ComfyUI's queue, None when it is not in it."""
    places: tuple[Literal["running", "pending"], ...] = ("running", "pending")
    for place in places:
        for item in queue.get(f"queue_{place}") or ():
            # [number, id, graph, extra data, outputs]
            if isinstance(item, list) and len(item) > 1 and item[1] == comfy_prompt_id:
                return place
    return None


def _messages(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for message in status.get("messages") or ():
        if isinstance(message, list) and len(message) == 2 and isinstance(message[1], dict):
            yield message[0], message[1]


def _failure(data: Mapping[str, Any], graph: Graph) -> Ended:
    node_id, node_type = str(data.get("node_id") or ""), str(data.get("node_type") or "")
    said = " ".join(str(data.get("exception_message") or "").split())[:_LENGTH]
    kind = str(data.get("exception_type") or "").rpartition(".")[2]
    reason = ": ".join(part for part in (kind, said) if part) or "no reason given"
    where = name_in(graph, node_id) if node_id else "a node"
    return Ended("error", f"{where} failed: {reason}", node_id, node_type)


def _node_files(node_id: str, output: object) -> Iterator[ResultFile]:
    for kind, entries in output.items() if isinstance(output, dict) else ():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("filename"), str) and entry["filename"]:
                yield ResultFile(
                    node_id,
                    kind,
                    entry["filename"],
                    str(entry.get("subfolder") or ""),
                    str(entry.get("type") or "output"),
                )
