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
    if not all(options.stop):
        raise ValueError("a stop string must not be empty")


def pick(logits: NDArray[np.float32], options: GenerationOptions, rng: np.random.Generator) -> int:
    """Pick a token.

    Args:
        logits: Shape (vocab,), finite.
        options: ``temperature`` 0 takes the likeliest; above it, ``top_k`` then ``top_p`` cut the tail
            and the rest is sampled.
        rng: Advanced by one draw when sampling, not at all when greedy.

    Returns:
        A token id; of equal logits, greedy takes the lowest id.

    Raises:
        ValueError: logits hold NaN, or no finite value.
    """
    best = int(logits.argmax())  # NaN sorts first, so a NaN anywhere shows here
    if not np.isfinite(logits[best]):
        raise ValueError("logits hold NaN or no finite value")
    if options.temperature == 0 or options.top_k == 1:
        return best
    ids, probabilities = distribution(logits, options.temperature, options.top_k, options.top_p)
    # One uniform draw against the cumulative sum: repeatable by seed, and cheaper than rng.choice.
    drawn = rng.random() * probabilities.sum()
    at = int(np.searchsorted(probabilities.cumsum(), drawn, side="right"))
    return int(ids[min(at, len(ids) - 1)])


def distribution(
    logits: NDArray[np.float32], temperature: float, top_k: int, top_p: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the tokens that may be drawn, likeliest first, and their probabilities.

    Args:
        logits: Shape (vocab,); -inf stands for a token that must not be drawn.
        temperature: Above 0; divides the logits.
        top_k: Keep the k likeliest; 0 keeps all.
        top_p: Then keep the smallest set of likeliest tokens whose probability reaches this; at least one.

    Returns:
        ids: (n,), int64.
        probabilities: (n,), float64, summing to 1.

    Source of top-p: Holtzman et al., "The Curious Case of Neural Text Degeneration", 2020, section 3.1.
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
    return ids, probabilities
