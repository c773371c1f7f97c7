"""What a generator is asked, and what it says of its work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How to decode. The defaults are greedy.

    Attributes:
        max_new_tokens: Upper bound on generated tokens.
        temperature: 0 is greedy; above it, sampled.
        top_k: Keep the k likeliest tokens; 0 keeps all.
        top_p: Keep the smallest set whose probability reaches this; 1 keeps all.
        seed: Makes sampling repeatable on one machine and thread count.
        stop: Strings that end the answer and are not part of it.
    """

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(slots=True)
class GenerationStats:
    """Counts and times of one generation, filled in as it goes."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    finish_reason: Literal["stop", "length", "aborted"] | None = None


@dataclass(frozen=True, slots=True)
class GeneratorCapabilities:
    """What a generator can do beyond text in, text out; a remote server may have none of these."""

    logits: bool = False
    grammar: bool = False
    kv_state: bool = False
    adapters: bool = False
    token_counts: bool = False
