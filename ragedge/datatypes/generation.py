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
class Grammar:
    """What an answer has to be: a JSON schema (as text), a regular expression, or a grammar in Lark's notation."""

    kind: Literal["json_schema", "regex", "lark"]
    text: str


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How to decode. The defaults are greedy.

    Attributes:
        max_new_tokens: Upper bound on generated tokens.
        temperature: 0 is greedy; above it, sampled.
        top_k: Keep the k likeliest tokens; 0 keeps all.
        top_p: Keep the smallest set whose probability reaches this; 1 keeps all.
        min_p: Keep what has at least this share of the likeliest token's probability; 0 keeps all.
        repetition_penalty: Divides the positive logits of tokens in prompt or answer, multiplies negative ones; 1 is
            none.
        presence_penalty: Taken off the logit of each token that the answer holds.
        frequency_penalty: Taken off as often as the answer holds it.
        seed: Makes sampling repeatable on one machine and thread count.
        stop: Strings that end the answer and are not part of it.
        grammar: What the answer has to be; for generators of that capability.
        adapter: Which adapter writes it, by name; for generators of that capability. Empty for none.
        lookup_tokens: Most tokens that are guessed from the text at a time; the answer is the same, in fewer steps.
            0 guesses none.
    """

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    grammar: Grammar | None = None
    adapter: str = ""
    lookup_tokens: int = 8


@dataclass(slots=True)
class GenerationStats:
    """Counts and times of one generation, filled in as it goes."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    guessed_tokens: int = 0
    kept_tokens: int = 0
    finish_reason: Literal["stop", "length", "aborted"] | None = None


@dataclass(frozen=True, slots=True)
class GeneratorCapabilities:
    """What a generator can do beyond text in, text out; a remote server may have none of these."""

    logits: bool = False
    grammar: bool = False
    kv_state: bool = False
    adapters: bool = False
    token_counts: bool = False
