"""The tokens of a login, and when they are to be replaced. Pure: callers say what time it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

# Before the end, so that none expires on its way to the server; of short ones a tenth of their life.
MARGIN_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Tokens:
    """What `login` gives. Keep it, and hand it to a later client as `tokens`, to go on without the password.

    Attributes:
        access_token: the credential of calls.
        refresh_token: good for one refresh; using it twice ends the session.
        refresh_time: when the access token is replaced, in seconds since the epoch. 0 replaces it at the first call.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    refresh_time: float = 0.0

    @classmethod
    def of_answer(cls, answer: Any, *, now: float) -> Tokens:
        """Return the tokens in a LoginResponse or a RefreshResponse that came at `now`, seconds since the epoch."""
        life = float(answer.expires_in)
        margin = min(MARGIN_SECONDS, life / 10)
        return cls(answer.access_token, answer.refresh_token, now + life - margin)
