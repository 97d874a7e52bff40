"""When the editor was last used, by its own word: that of JupyterLab, or of code-server.

Sources: https://jupyter-server.readthedocs.io/en/latest/developers/rest-api.html (GET /api/status, last_activity) and
https://coder.com/docs/code-server/FAQ#what-is-the-healthz-endpoint (GET /healthz, lastHeartbeat in milliseconds).
Neither counts as use itself, and a heartbeat goes on for as long as somebody has the page open.
"""

import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final

_SECONDS: Final = 5.0
_LARGEST_BYTES: Final = 64 * 1024


def last_use(port: int, token: str | None) -> datetime | None:
    """Return the time of the last use (aware); None when the editor on `port` of this machine tells none."""
    headers = {"Authorization": f"token {token}"} if token else {}
    told = _ask(port, "/api/status", headers)
    if told is not None:
        return jupyter_time(told)
    told = _ask(port, "/healthz", {})
    return None if told is None else code_server_time(told)


def jupyter_time(told: Mapping[str, Any]) -> datetime | None:
    """Return the time in Jupyter's status; None when it has none that can be read."""
    try:
        instant = datetime.fromisoformat(told["last_activity"])
    except (KeyError, TypeError, ValueError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def code_server_time(told: Mapping[str, Any]) -> datetime | None:
    """Return the time of code-server's last heartbeat; None before the first one."""
    milliseconds = told.get("lastHeartbeat")
    if not isinstance(milliseconds, int) or milliseconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _ask(port: int, path: str, headers: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the object that the editor answers with, over HTTP or its own HTTPS."""
    for connection in (
        HTTPConnection("127.0.0.1", port, timeout=_SECONDS),
        # Its certificate is one that it has made for itself.
        HTTPSConnection("127.0.0.1", port, timeout=_SECONDS, context=_any_certificate()),
    ):
        try:
            return _answer(connection, path, headers)
        except (OSError, HTTPException):
            continue
        finally:
            connection.close()
    return None


def _answer(connection: HTTPConnection, path: str, headers: Mapping[str, str]) -> dict[str, Any] | None:
    connection.request("GET", path, headers=dict(headers))
    answer = connection.getresponse()
    if answer.status != 200:
        return None
    try:
        told = json.loads(answer.read(_LARGEST_BYTES))
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
