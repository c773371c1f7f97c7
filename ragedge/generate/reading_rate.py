"""How fast generators read here, as last measured: how long a prompt a time budget allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragedge.datatypes import GenerationStats

LEAST_PROMPT = 96  # tokens; a shorter prompt holds no passage worth asking about
_READ_SHARE = 0.6  # of a time budget, for reading the prompt; the rest is for writing
_SLOWEST_RATE = 0.1  # prompt tokens a millisecond, until a generator has shown its own
_RATES: dict[str, float] = {}  # ... by its name


def affordable_tokens(name: str, left_ms: float) -> float:
    """Return how many prompt tokens a generator reads in what is left of a budget, with time to write."""
    return left_ms * _READ_SHARE * _RATES.get(name, _SLOWEST_RATE)


def note_rate(name: str, stats: GenerationStats) -> None:
    """Remember how fast a generator read."""
    read = stats.prompt_tokens - stats.cached_tokens
    if stats.prefill_ms > 0 and read >= LEAST_PROMPT:
        _RATES[name] = read / stats.prefill_ms
