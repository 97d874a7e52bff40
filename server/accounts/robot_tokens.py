"""Tokens of robots that the environment lists, beside those of enrolled ones."""

import hashlib
from collections.abc import Iterable

from server.rpc.caller import FindRobot, RobotCredential


class RobotTokens:
    """Answers whose token it is: of a robot in `listed`, pairs of an id and a SHA-256 in hex, or as `enrolled` says."""

    def __init__(self, listed: Iterable[tuple[str, str]], enrolled: FindRobot) -> None:
        self._listed = {digest: RobotCredential(robot_id) for robot_id, digest in listed}
        self._enrolled = enrolled

    async def find(self, token: str) -> RobotCredential | None:
        """Return whom the token is for, None when nobody knows it."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        return self._listed.get(digest) or await self._enrolled(token)
