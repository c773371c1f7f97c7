"""Makes tokens that were written before less likely; arrays in, an array out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.datatypes import GenerationOptions


def penalized(
    logits: NDArray[np.float32], options: GenerationOptions, tokens: Sequence[int], prompt_tokens: int
) -> NDArray[np.float32]:
    """Return logits with the penalties that the options ask for; the array itself where they ask for none.

    Args:
        logits: Shape (vocab,).
        options: ``repetition_penalty`` divides the positive logits of tokens in prompt or answer and multiplies the
            negative ones; ``presence_penalty`` is taken off each token that the answer holds, and
            ``frequency_penalty`` as often as it holds it.
        tokens: The prompt, then the answer so far.
        prompt_tokens: How many of them are the prompt.

    Sources: Keskar et al., "CTRL", 2019, section 4.1 (over prompt and answer, as in transformers); OpenAI's API
    reference for the other two (over the answer).
    """
    if options.repetition_penalty == 1 and not options.presence_penalty and not options.frequency_penalty:
        return logits
    changed = logits.copy()
    if options.repetition_penalty != 1:
        seen = np.unique(np.asarray(tokens, np.int64))
        held = changed[seen]
        changed[seen] = np.where(
            held > 0, held / options.repetition_penalty, held * options.repetition_penalty
        )
    counts = Counter(tokens[prompt_tokens:])
    if counts:
        written = np.fromiter(counts.keys(), np.int64, len(counts))
        often = np.fromiter(counts.values(), np.float32, len(counts))
        changed[written] -= options.presence_penalty + options.frequency_penalty * often
    return changed
