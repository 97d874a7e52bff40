"""What people do on a page: click, type, choose, press, point, tick, give files."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.browser.page_node import SELECTOR, STRICT, Spot, page_node
from workers.workflow.registry import Given, Input, Output
from workers.workflow.values import as_text

_LONGEST_DELAY_MS: Final = 10_000
_ELEMENT: Final = (SELECTOR, STRICT)
# Whether to act although the element is covered, moving or not enabled.
_FORCE: Final = Input("force", "boolean", default=False)
_MODIFIERS: Final = {
    "alt": "Alt",
    "ctrl": "Control",
    "control": "Control",
    "meta": "Meta",
    "cmd": "Meta",
    "shift": "Shift",
}


async def _click(given: Given, spot: Spot) -> Mapping[str, Any]:
    await spot.element(given).click(
        button=given["button"],
        click_count=given["click_count"],
        modifiers=_modifiers(given["modifiers"]),
        force=given["force"],
        timeout=spot.timeout,
    )
    return {}


def _modifiers(given: list[Any]) -> list[Any]:
    unknown = [one for one in given if str(one).lower() not in _MODIFIERS]
    if unknown:
        raise NodeFailed(f"its input 'modifiers' must hold names of keys such as Control, not {unknown[0]!r:.60}")
    return [_MODIFIERS[str(one).lower()] for one in given]


async def _double_click(given: Given, spot: Spot) -> Mapping[str, Any]:
    return await _click(given | {"click_count": 2}, spot)


async def _type(given: Given, spot: Spot) -> Mapping[str, Any]:
    element, text, delay = spot.element(given), given["text"], given["delay"]
    if not 0 <= delay <= _LONGEST_DELAY_MS:
        raise NodeFailed(f"its input 'delay' must be 0 to {_LONGEST_DELAY_MS:,} ms")
    if given["clear_first"] and not delay:
        await element.fill(text, force=given["force"], timeout=spot.timeout)
    else:
        if given["clear_first"]:
            await element.clear(force=given["force"], timeout=spot.timeout)
        else:  # the keys are meant to follow what the field holds
            await element.press("End", timeout=spot.timeout)
        await element.press_sequentially(text, delay=delay, timeout=spot.timeout + delay * len(text))
    if given["press_enter_after"]:
        await element.press("Enter", timeout=spot.timeout)
    return {"typed": True}


async def _select(given: Given, spot: Spot) -> Mapping[str, Any]:
    values = given["value"] if isinstance(given["value"], list) else [given["value"]]
    by = given["select_by"]
    chosen: dict[str, Any]
    if by == "index":
        chosen = {"index": [_index(value) for value in values]}
    else:
        # By "value" Playwright takes what people read, too.
        chosen = {by: [as_text(value) for value in values]}
    selected = await spot.element(given).select_option(**chosen, force=given["force"], timeout=spot.timeout)
    return {"selected": selected[0] if len(selected) == 1 else selected, "selected_values": selected}


def _index(value: object) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise NodeFailed("its input 'value' must be a whole number when the choice is by index") from error


async def _press(given: Given, spot: Spot) -> Mapping[str, Any]:
    if given["selector"]:
        await spot.element(given).press(given["key"], timeout=spot.timeout)
    else:
        await spot.page.keyboard.press(given["key"])
    return {}


async def _hover(given: Given, spot: Spot) -> Mapping[str, Any]:
    await spot.element(given).hover(force=given["force"], timeout=spot.timeout)
    return {}


async def _set_checked(given: Given, spot: Spot) -> Mapping[str, Any]:
    await spot.element(given).set_checked(given["checked"], force=given["force"], timeout=spot.timeout)
    return {"checked": given["checked"]}


async def _upload(given: Given, spot: Spot) -> Mapping[str, Any]:
    names = given["file_path"] if isinstance(given["file_path"], list) else [given["file_path"]]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise NodeFailed("its input 'file_path' must be the name of a file or a list of them")
    paths = [spot.run.folder.file(name) for name in names]
    await spot.element(given).set_input_files(paths, timeout=spot.timeout)
    return {"files": [path.name for path in paths], "count": len(paths)}


def _key(given: Given) -> str:
    # One character is typed text; a name of a key is not.
    key: str = given["key"]
    return key if len(key) > 1 else "a character"


def _tells(kind: str) -> Callable[[Given], tuple[str, Mapping[str, object]]]:
    return lambda given: (kind, {"selector": given["selector"]})


_CLICK_INPUTS: Final = (
    *_ELEMENT,
    Input("button", "text", default="left", choices=("left", "right", "middle"), aliases=("mouse_button",)),
    Input("modifiers", "list", default=[]),
    _FORCE,
)
_TEXT: Final = Input("text", "text", required=True, aliases=("value", "input_text", "text_to_type"))

NODES = (
    page_node(
        "ClickElementNode",
        "Clicks an element as soon as it can be clicked.",
        _click,
        inputs=(*_CLICK_INPUTS, Input("click_count", "integer", default=1, aliases=("clicks",))),
        aliases=("ClickNode", "BrowserClickNode", "ElementClickNode"),
        event=_tells("click"),
    ),
    page_node(
        "DoubleClickElementNode",
        "Clicks an element twice.",
        _double_click,
        inputs=_CLICK_INPUTS,
        aliases=("DoubleClickNode",),
        event=_tells("click"),
    ),
    page_node(
        "TypeTextNode",
        "Types a text into a field, in place of what it holds or after it.",
        _type,
        inputs=(
            *_ELEMENT,
            _TEXT,
            Input("clear_first", "boolean", default=True, aliases=("clear", "clear_before")),
            Input("delay", "number", default=0, aliases=("typing_delay", "type_delay", "delay_ms")),
            Input("press_enter_after", "boolean", default=False, aliases=("press_enter", "submit")),
            _FORCE,
        ),
        outputs=(Output("typed", "boolean", aliases=("success",)),),
        aliases=("TypeNode", "TypeInputNode", "FillNode", "FillInputNode", "InputTextNode", "BrowserTypeNode"),
        event=lambda given: ("type", {"selector": given["selector"], "characters": len(given["text"])}),
    ),
    page_node(
        "SelectDropdownNode",
        "Chooses in a drop-down list: by value or what people read, by what people read alone, or by place from 0.",
        _select,
        inputs=(
            *_ELEMENT,
            Input("value", required=True, aliases=("values", "option", "label", "option_value")),
            Input("select_by", "text", default="value", choices=("value", "label", "index"), aliases=("by",)),
            _FORCE,
        ),
        outputs=(Output("selected", aliases=("selected_value",)), Output("selected_values", "list")),
        aliases=("SelectOptionNode", "SelectNode", "DropdownNode", "BrowserSelectNode"),
        event=_tells("click"),
    ),
    page_node(
        "PressKeyNode",
        "Presses a key or a combination such as Control+A, in an element or wherever the focus is.",
        _press,
        inputs=(
            Input("key", "text", required=True, aliases=("keys", "key_name")),
            Input("selector", "text", default=None, aliases=SELECTOR.aliases),
            STRICT,
        ),
        aliases=("KeyPressNode", "SendKeyNode", "BrowserPressKeyNode"),
        event=lambda given: ("type", {"selector": given["selector"], "key": _key(given)}),
    ),
    page_node(
        "HoverElementNode",
        "Points at an element.",
        _hover,
        inputs=(*_ELEMENT, _FORCE),
        aliases=("HoverNode", "MouseHoverNode", "BrowserHoverNode"),
    ),
    page_node(
        "CheckElementNode",
        "Ticks a box or a radio button, or takes the tick away.",
        _set_checked,
        inputs=(*_ELEMENT, Input("checked", "boolean", default=True, aliases=("state", "check")), _FORCE),
        outputs=(Output("checked", "boolean"),),
        aliases=("CheckNode", "CheckboxNode", "CheckBoxNode", "SetCheckboxNode", "ToggleCheckboxNode"),
        event=_tells("click"),
    ),
    page_node(
        "UploadFileNode",
        "Gives files of the job's folder to a file field.",
        _upload,
        inputs=(*_ELEMENT, Input("file_path", required=True, aliases=("file_paths", "files", "file", "path"))),
        outputs=(Output("files", "list"), Output("count", "integer")),
        aliases=("FileUploadNode", "BrowserUploadNode"),
    ),
)
