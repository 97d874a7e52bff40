"""The one started system that all examples run at, and what is in it for them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser

from tests.end_to_end.environment_calls import SETTINGS
from tests.end_to_end.published.facts import Call, filled
from tests.end_to_end.published.relay import Exchange, Relay
from tests.end_to_end.system import System

# The key and the password that the documents print.
KEY: Final = "dev_secret_key_change_me_in_production_2026"
PASSWORD: Final = "secret"
ROBOT_TOKEN: Final = "token-of-robot-001"
ROBOT_HASH: Final = hashlib.sha256(ROBOT_TOKEN.encode()).hexdigest()
ENVIRONMENT: Final = {
    **SETTINGS,
    "API_KEY": KEY,
    "ADMIN_PASSWORD": PASSWORD,
    "ROBOT_TOKENS": f"robot-001:{ROBOT_HASH}",
    # So that an example that uses up a limit can do so as somebody else.
    "TRUSTED_PROXIES": "127.0.0.1",
    "SESSION_WAIT_SECONDS": "120",
}
CALL_SECONDS: Final = 180


@dataclass
class World:
    """What an example can use: `values` are those of the names in its text, `folder` is where it is typed."""

    system: System
    relays: Mapping[str, Relay]
    folder: Path
    comfyui_url: str
    browser: Browser | None = None
    values: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values |= {name: relay.address for name, relay in self.relays.items()} | {
            "key": KEY,
            "robot_token": ROBOT_TOKEN,
            "robot_hash": ROBOT_HASH,
            "other_robot_hash": ROBOT_HASH[::-1],
            "comfyui": self.comfyui_url,
        }
        self._admin = httpx.Client(
            base_url=self.system.url, headers={"x-api-key": KEY}, timeout=CALL_SECONDS, trust_env=False
        )

    def close(self) -> None:
        self._admin.close()

    def fill(self, text: str) -> str:
        """Put the values of now in the place of the names in a text."""
        return filled(text, self.values)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Ask the server itself, as an admin; nobody notes it. Return the JSON of the answer."""
        answer = self._admin.request(method, self.fill(path), json=body, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def there(self, path: str) -> bool:
        """Whether a resource is there."""
        return self._admin.get(self.fill(path)).status_code == 200

    def url(self, call: Call) -> str:
        """Where a call goes."""
        return f"http://{self.relays[call.listener].address}{self.fill(call.path)}"

    def begin(self) -> None:
        """Forget what was asked until now."""
        for relay in self.relays.values():
            relay.exchanges.clear()

    def asked(self) -> list[Exchange]:
        """What was asked since, but for what browsers ask by themselves."""
        return [
            exchange
            for relay in self.relays.values()
            for exchange in relay.exchanges
            if exchange.path != "/favicon.ico"
        ]

    def write(self, name: str, content: Any) -> None:
        """Put a file into the folder in which examples are typed."""
        (self.folder / name).write_text(json.dumps(content))
