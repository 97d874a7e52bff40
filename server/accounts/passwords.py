"""Passwords: hashed with Argon2id, away from the event loop, a few at a time."""

import asyncio
from typing import Final

import argon2
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# Source: OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB, 2 passes, 1 lane. Some 20 ms of one core.
_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_LANES: Final = 1
# Hashes at the same moment; more would only take memory and turns from one another.
_AT_ONCE: Final = 2
# Compared with when there is no such user, so that the time taken tells nothing: of the same cost as every hash of
# ours, but of no password, as its salt and its hash are zeros.
_NOBODYS: Final = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}${'A' * 22}${'A' * 43}"


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """Return what may be stored of `password`."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one behind `stored`. None takes as long as any other and never matches."""
        async with self._turns:
            matching = await asyncio.to_thread(self._matches, password, stored or _NOBODYS)
        return matching and stored is not None

    def _matches(self, password: str, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False
