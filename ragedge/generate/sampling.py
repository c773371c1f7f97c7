"""Picks the next token from logits; arrays in, a token out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.datatypes import GenerationOptions


def check_options(options: GenerationOptions) -> None:
    """Refuse options that no sampler can obey.

    Raises:
        ValueError: one is outside its range.
    """
    if options.max_new_tokens < 1:
        raise ValueError(f"max_new_tokens must be at least 1, got {options.max_new_tokens}")
    if not (options.temperature >= 0 and np.isfinite(options.temperature)):
        raise ValueError(f"temperature must be 0 (greedy) or more, got {options.temperature}")
    if options.top_k < 0:
        raise ValueError(f"top_k must be 0 (all) or more, got {options.top_k}")
    if not 0 < options.top_p <= 1:
        raise ValueError(f"top_p must be over 0 and at most 1, got {options.top_p}")
    if not 0 <= options.min_p <= 1:
        raise ValueError(f"min_p must be 0 (all) to 1, got {options.min_p}")
    if not (options.repetition_penalty > 0 and np.isfinite(options.repetition_penalty)):
        raise ValueError(f"repetition_penalty must be over 0, got {options.repetition_penalty}")
    for name in ("presence_penalty", "frequency_penalty"):
        if not np.isfinite(getattr(options, name)):
            raise ValueError(f"{name} must be a number, got {getattr(options, name)}")
    if options.lookup_tokens < 0:
        raise ValueError(f"lookup_tokens must be 0 (off) or more, got {options.lookup_tokens}")
    if not all(options.stop):
        raise ValueError("a stop string must not be empty")


def is_greedy(options: GenerationOptions) -> bool:
    """Whether the likeliest token is always taken."""
    return options.temperature == 0 or options.top_k == 1


def pick(logits: NDArray[np.float32], options: GenerationOptions, rng: np.random.Generator) -> int:
    """Pick a token.

    Args:
        logits: Shape (vocab,), finite.
        options: ``temperature`` 0 takes the likeliest; above it, ``top_k``, then ``top_p``, then
            ``min_p`` cut the tail, and the rest is sampled.
        rng: Advanced by one draw when sampling, not at all when greedy.

    Returns:
        A token id; of equal logits, greedy takes the lowest id.

    Raises:
        ValueError: logits hold NaN, or no finite value.
    """
    best = int(logits.argmax())  # NaN sorts first, so a NaN anywhere shows here
    if not np.isfinite(logits[best]):
        raise ValueError("logits hold NaN or no finite value")
    if is_greedy(options):
        return best
    ids, probabilities = distribution(
        logits, options.temperature, options.top_k, options.top_p, options.min_p
    )
    # One uniform draw against the cumulative sum: repeatable by seed, and cheaper than rng.choice.
    drawn = rng.random() * probabilities.sum()
    at = int(np.searchsorted(probabilities.cumsum(), drawn, side="right"))
    return int(ids[min(at, len(ids) - 1)])


def distribution(
    logits: NDArray[np.float32], temperature: float, top_k: int, top_p: float, min_p: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the tokens that may be drawn, likeliest first, and their probabilities.

    Args:
        logits: Shape (vocab,); -inf stands for a token that must not be drawn.
        temperature: Above 0; divides the logits.
        top_k: Keep the k likeliest; 0 keeps all.
        top_p: Then keep the smallest set of likeliest tokens whose probability reaches this; at least one.
        min_p: Then keep those with at least this share of the likeliest one's probability.

    Returns:
        ids: (n,), int64.
        probabilities: (n,), float64, summing to 1.

    Sources: top-p from Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020, section 3.1; min-p from
    Nguyen et al., "Turning Up the Heat", 2024.
    """
    kept = top_k if 0 < top_k < len(logits) else len(logits)
    ids = np.argpartition(logits, -kept)[-kept:]
    ids = ids[np.lexsort((ids, -logits[ids]))]  # equal logits by id: the order must not hang on the platform
    scaled = (logits[ids].astype(np.float64) - float(logits[ids[0]])) / temperature
    probabilities = np.exp(scaled)
    probabilities /= probabilities.sum()
    if top_p < 1:
        kept = int(np.searchsorted(probabilities.cumsum(), top_p)) + 1
        ids, probabilities = ids[:kept], probabilities[:kept] / probabilities[:kept].sum()
    if min_p > 0:
        kept = int((probabilities >= min_p * probabilities[0]).sum())  # likeliest first: a beginning
        ids, probabilities = ids[:kept], probabilities[:kept] / probabilities[:kept].sum()
    return ids, probabilities
