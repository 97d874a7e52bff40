"""The nodes there are, one module each."""

from typing import Final

from workers.flow.nodes import (
    branch,
    click,
    expect,
    extract,
    fill,
    for_each,
    goto,
    log,
    press,
    recovery,
    screenshot,
    select,
    sleep,
    upload,
    variables,
    wait_for,
)
from workers.flow.registry import Registry

NODE_TYPES: Final = Registry(
    [
        goto.NODE,
        click.NODE,
        fill.NODE,
        press.NODE,
        select.NODE,
        upload.NODE,
        wait_for.NODE,
        extract.NODE,
        expect.NODE,
        screenshot.NODE,
        sleep.NODE,
        log.NODE,
        variables.NODE,
        for_each.NODE,
        branch.NODE,
        recovery.NODE,
    ]
)
