"""A reranker moves the first hits among themselves, whatever its scale."""

import itertools

import numpy as np
import pytest

from ragedge.datatypes import ScoredChunk
from ragedge.effective_config import load
from ragedge.errors import PluginError
from ragedge.retrieve.rerank import reranked


class Fixed:
    def __init__(self, *scores):
        self.scores = np.array(scores, np.float32)

    def score(self, question, passages, /):
        self.asked = question, list(passages)
        return self.scores


def hits(*scores):
    return [
        ScoredChunk(0, f"k-{n}", "m.md", n, None, (n,), ("Plug",), "text", f"text {n}", 0, 6, score)
        for n, score in enumerate(scores)
    ]


def test_the_first_change_places_and_none_falls_behind_the_rest():
    found = reranked(hits(0.9, 0.8, 0.7, 0.6), "plug?", Fixed(-50, 0, 50), 3, 0.4)
    assert [hit.chunk_id for hit in found] == ["k-2", "k-1", "k-0", "k-3"]
    assert all(a.score >= b.score for a, b in itertools.pairwise(found))
    assert found[0].why.rerank_score == 50
    assert found[3].why.rerank_score is None


def test_the_scale_of_its_scores_does_not_matter():
    small, large = (reranked(hits(0.9, 0.8), "?", Fixed(*s), 2, 0.1) for s in ((0.1, 0.2), (100, 200)))
    assert [h.score for h in small] == pytest.approx([h.score for h in large], abs=1e-6)


def test_it_reads_headings_too():
    reranker = Fixed(1, 2)
    reranked(hits(0.9, 0.8, 0.7), "plug?", reranker, 2, 0.1)
    assert reranker.asked == ("plug?", ["Plug\ntext 0", "Plug\ntext 1"])


def test_equal_scores_and_single_hits_change_nothing():
    assert reranked(hits(0.9), "?", Fixed(1), 5, 9.0) == hits(0.9)
    assert [h.score for h in reranked(hits(0.9, 0.8), "?", Fixed(1, 1), 5, 9.0)] == [0.9, 0.8]


@pytest.mark.parametrize("scores", [(1.0,), (1.0, float("nan"))])
def test_scores_that_do_not_fit_are_refused(scores):
    with pytest.raises(PluginError, match="reranker"):
        reranked(hits(0.9, 0.8), "?", Fixed(*scores), 2, 0.1)


def test_it_is_off_by_default():
    assert load().config.retrieve.reranker == "none"
