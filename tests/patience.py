"""How long a test waits for what comes at once where nothing is wrong."""

from typing import Final

PATIENCE: Final = 30.0
"""Seconds; a busy machine is slow, and only what never comes is a fault."""
