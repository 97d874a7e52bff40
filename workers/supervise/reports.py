"""A report on its way to the server."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final

from workers.supervise.settings import Settings

_SECONDS: Final = 10.0
_LARGEST_BYTES: Final = 64 * 1024
# The environment is gone, or the token is not its own: no later report would fare better.
_FINAL: Final = frozenset({401, 403, 404})


class Refused(Exception):
    """The server wants no report of ours. The message is one line."""


@dataclass(frozen=True, slots=True)
class NotDelivered(Exception):
    """The report did not arrive; `retry_seconds` is how long the server wants to be left alone, if it says so."""

    reason: str
    retry_seconds: float | None = None


class Reports:
    """Delivers reports, each over a connection of its own: between two of them a minute passes."""

    def __init__(self, settings: Settings) -> None:
        agent = settings.agent
        # Of urlsplit, and checked when it was read.
        self._host, self._port = str(agent.hostname), agent.port
        self._connect = HTTPSConnection if agent.scheme == "https" else HTTPConnection
        self._path = f"{agent.path.rstrip('/')}/api/v1/environments/{settings.environment_id}/activity"
        self._headers = {"authorization": f"Bearer {settings.token}", "content-type": "application/json"}

    def send(self, report: dict[str, Any]) -> None:
        """Deliver one report.

        Raises:
            Refused: neither this one nor a later one is wanted.
            NotDelivered: a later one may be.
        """
        connection = self._connect(self._host, self._port, timeout=_SECONDS)
        try:
            connection.request("POST", self._path, json.dumps(report).encode(), self._headers)
            judge(connection.getresponse())
        except (OSError, HTTPException) as error:
            raise NotDelivered(f"{self._host} does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()


def judge(answer: HTTPResponse) -> None:
    """Raise what an answer means, as `Reports.send` does."""
    if answer.status == 200:
        return
    said = sentence(answer.read(_LARGEST_BYTES))
    if answer.status in _FINAL:
        raise Refused(f"the server takes no reports ({answer.status}): {said}")
    seconds = answer.headers.get("Retry-After", "")
    raise NotDelivered(f"the server answered {answer.status}: {said}", float(seconds) if seconds.isdecimal() else None)


def sentence(body: bytes) -> str:
    """Return what the body of an error says, on one line."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    said = told.get("message") if isinstance(told, dict) else None
    return " ".join(str(said or "it does not say why").split())
