"""Prints the bytes of memory that one way through the codec takes at most: `python -m benchmarks.codec_memory parse`.

A process of its own, as the peak of a process never sinks. What is given to the codec is not counted, what it makes of
it is: a message of a text of 10 MB, or the other way round.
"""

import sys
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers import items
from gateway.codec import dumper, parser

BODY_BYTES = 10_000_000


def main() -> None:
    """Make the other form of a list of items."""
    listed: Any = items.message_class("ListItemsResponse")
    item = items.sample(1)
    one = dumper(item.DESCRIPTOR)(item)
    count = BODY_BYTES // (len(one) + 1)
    convert: Any
    if sys.argv[1] == "parse":
        convert = parser(listed.DESCRIPTOR)
        given = b"".join([b'{"items":[', *([one + b","] * (count - 1)), one, b"]}"])
    else:
        convert = dumper(listed.DESCRIPTOR)
        # As it would come over a channel.
        given = listed.FromString(listed(items=[item]).SerializeToString() * count)
    before = psutil.Process().memory_info().rss
    made = convert(given)
    assert made
    print(peak() - before)


def peak() -> int:
    """Most memory this program had so far, in bytes. Linux only; getrusage would count what the parent had too."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    main()
