"""What one run may use. Each number ends a workflow that nobody meant to be so large, and nobody else's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one run."""

    # Executions of nodes, turns of loops counted each.
    steps: int = 5_000_000
    # Turns of one loop, and items of a parallel one.
    turns: int = 1_000_000
    # Blocks within blocks, and branches within branches.
    depth: int = 100
    # Workflows that execute one another.
    workflows: int = 10
    # Characters of JSON of one output or variable; and of all large ones (above 64 KiB) together.
    value_bytes: int = 10 * 1024 * 1024
    held_bytes: int = 256 * 1024 * 1024
    variables: int = 10_000
    # Executions that are listed; later ones are counted only. The contract's number.
    executions: int = 10_000
    # Characters of inputs, and of outputs, of one execution; and of all executions together.
    execution_bytes: int = 2048
    executions_bytes: int = 4 * 1024 * 1024
    # Bytes of the state that is kept for a next attempt. The contract's number.
    checkpoint_bytes: int = 8 * 1024 * 1024
    # Characters of the variables, and of the outputs, in the result.
    result_bytes: int = 1024 * 1024
