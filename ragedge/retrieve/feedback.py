"""What was found tells what was meant: the question's vector moves towards the best candidates.

A question is short and words its subject in its own way; the passages that lead the ranking word it in the
manual's. Candidates are scored again by the moved vector, so that what is like the best of them rises. Costs
one product per candidate, no second search.

Source: Rocchio, "Relevance feedback in information retrieval", in: The SMART retrieval system, 1971; over the
vectors of an encoder: Li et al., "Pseudo relevance feedback with deep language models", TOIS 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ragedge.index.exact import row_products

if TYPE_CHECKING:
    from ragedge.protocols import Float32

# Chosen on development sets, next to the weights of word_match.
LEADERS = 5
_LEADING_SHARE = 3  # at most every third candidate leads: of a few, the best are no better than the rest
STRENGTH = 0.6


def cosine_gain(query: Float32, vectors: Float32, scores: Float32) -> Float32:
    """Return by how much each candidate's cosine changes when the question moves towards the best.

    Args:
        query: (dim,), L2 norm 1.
        vectors: One per candidate, (n, dim).
        scores: What ranks them so far, (n,).
    """
    count = min(LEADERS, len(scores) // _LEADING_SHARE)
    if not count:
        return np.zeros(len(scores), np.float32)
    leaders = np.argsort(-scores, kind="stable")[:count]
    moved = query + STRENGTH * vectors[leaders].mean(axis=0)
    moved /= np.linalg.norm(moved)
    gain: Float32 = row_products(vectors, (moved - query).astype(np.float32))
    return gain
