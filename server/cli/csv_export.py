"""A table that the server sends as CSV, printed as it comes."""

import codecs
from collections.abc import Iterable

from google.api.httpbody_pb2 import HttpBody

from server.cli.output import Output


def show_csv(output: Output, pieces: Iterable[HttpBody]) -> None:
    """Print the file in `pieces`, which may end within a character."""
    for text in codecs.iterdecode((piece.data for piece in pieces), "utf-8"):
        output.raw(text)
