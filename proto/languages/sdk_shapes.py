"""What kind of method an rpc makes: what it gives back, whether in pages, and whether a broken stream may come back.

Read from the contract by rule; the tables hold what no rule can know.
"""

import re
from typing import Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from languages.contract import Rpc

VARIABLE: Final = re.compile(r"\{(\w+)(?:=[^}]*)?\}")

# Their first message tells how things stand, as their comments say; a change that was missed shows in it.
SNAPSHOTS: Final = {
    "switchyard.comfy.v1.WorkflowService.WatchPrompt",
    "switchyard.comfy.v1.WorkflowService.WatchSession",
    "switchyard.environments.v1.EnvironmentService.WatchEnvironment",
    "switchyard.orchestrator.v1.LiveService.WatchQueue",
    "switchyard.orchestrator.v1.LiveService.WatchRobots",
    "switchyard.tasks.v1.TaskService.WatchTask",
    "switchyard.tasks.v1.WorkerService.WatchCancel",
}

# Its field may be unset, which says that there is nothing; a field of the answer can be asked for that.
WHOLE: Final = {"switchyard.orchestrator.v1.RobotService.ClaimJob"}


class Paging(NamedTuple):
    """A list in pages: the field with the items, and how `switchyard_client.paging` turns the page."""

    items: FieldDescriptor
    turn: str


def paging(rpc: Rpc) -> Paging | None:
    """Return how a list turns its pages, None for what is no such list."""
    items = [field for field in rpc.response.fields if field.is_repeated and field.message_type is not None]
    if rpc.responses_stream or rpc.requests_stream or rpc.verb != "get" or len(items) != 1:
        return None
    asked, answered = rpc.request.fields_by_name, rpc.response.fields_by_name
    # A list that knows several ways is turned by the one that costs least.
    if "cursor" in asked and "next_cursor" in answered:
        return Paging(items[0], "by_cursor")
    if "page_token" in asked and "next_page_token" in answered:
        return Paging(items[0], "by_token")
    if "after" in asked and "next_cursor" in answered:
        return Paging(items[0], "by_after")
    if "page" in asked and "page" in answered:
        return Paging(items[0], "by_number")
    if "before" in asked:
        return Paging(items[0], f'by_oldest("{items[0].name}", "{identity(items[0])}")')
    return None


def identity(items: FieldDescriptor) -> str:
    """Return the field that holds the id of an item: `id`, or the first one that ends so."""
    names = [field.name for field in items.message_type.fields] if items.message_type is not None else []
    return "id" if "id" in names else next(name for name in names if name.endswith("_id"))


def unwrapped(rpc: Rpc) -> FieldDescriptor | None:
    """Return the field that a method gives in place of the whole answer: the one its HTTP rule answers with."""
    if not rpc.response_body or rpc.full_name in WHOLE:
        return None
    return rpc.response.fields_by_name[rpc.response_body]


def resumption(rpc: Rpc) -> str:
    """Return what of `switchyard_client.resume` opens a broken stream again, "" if it must not be."""
    if not rpc.responses_stream or rpc.requests_stream:
        return ""
    if "after" in rpc.request.fields_by_name:
        return "behind_cursor"
    return "from_present" if rpc.full_name in SNAPSHOTS else ""


def path_fields(rpc: Rpc) -> list[str]:
    """Return the fields that stand in the path of the HTTP rule, in order; they name what the rpc is about."""
    return VARIABLE.findall(rpc.template)
