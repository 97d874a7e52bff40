"""How long the server runs, as the environments API tells it."""

import pytest

from server.environments.agent_service import uptime


# Source: the example of the API's description, and time.Duration.String of Go.
@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (45, "45s"),
        (60, "1m0s"),
        (3_599, "59m59s"),
        (3_600, "1h0m0s"),
        (8_130, "2h15m30s"),
        (360_000, "100h0m0s"),
        # A clock that was set back.
        (-1, "0s"),
    ],
)
def test_a_time_is_told_as_go_prints_it(seconds: int, text: str) -> None:
    assert uptime(seconds) == text
