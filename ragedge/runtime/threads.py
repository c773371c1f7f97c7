"""How many threads a model may take."""

from __future__ import annotations

import os

MOST_DEFAULT_THREADS = 4


def usable_cores() -> int:
    """Return how many cores this process may run on: its affinity where the platform tells, else all."""
    if hasattr(os, "sched_getaffinity"):  # Linux; a container's or taskset's share, not the whole board
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def thread_count(configured: int) -> int:
    """Return the threads for one model.

    Args:
        configured: A number of threads, or 0 to take the usable cores, at most 4: past that, decoding
            waits for memory, and a board's small cores slow the large ones down.

    Raises:
        ValueError: configured is negative.
    """
    if configured < 0:
        raise ValueError(f"threads must be 0 (automatic) or more, got {configured}")
    return configured or min(MOST_DEFAULT_THREADS, usable_cores())
