"""What every reranker must do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragedge import plugins

if TYPE_CHECKING:
    from ragedge.protocols import Reranker

_QUESTION = "What is the drain plug torque?"
_PASSAGES = (
    "The horn fuse is F12, rated 15 A.",
    "Tighten the drain plug to a torque of 35 N·m.",
    "Park on level ground and let the engine cool.",
)


class RerankerContract:
    """Subclass it, set ``plugin``, and override ``options`` if the factory needs any.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.reranker``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given."""
        return {}

    @pytest.fixture
    def reranker(self, options: Mapping[str, Any]) -> Reranker:
        """Build the reranker; override it for one that is not registered."""
        made: Reranker = plugins.create("reranker", self.plugin, options)
        return made

    def test_no_passages_give_no_scores(self, reranker: Reranker) -> None:
        assert reranker.score(_QUESTION, []).shape == (0,)

    def test_one_finite_score_for_each_passage(self, reranker: Reranker) -> None:
        scores = reranker.score(_QUESTION, _PASSAGES)
        assert scores.shape == (len(_PASSAGES),)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_the_passage_that_answers_scores_highest(self, reranker: Reranker) -> None:
        assert int(reranker.score(_QUESTION, _PASSAGES).argmax()) == 1

    def test_scores_follow_the_passages_not_their_places(self, reranker: Reranker) -> None:
        forward = reranker.score(_QUESTION, _PASSAGES)
        backward = reranker.score(_QUESTION, _PASSAGES[::-1])
        np.testing.assert_allclose(forward, backward[::-1], atol=1e-3)

    def test_it_is_repeatable(self, reranker: Reranker) -> None:
        first, second = reranker.score(_QUESTION, _PASSAGES), reranker.score(_QUESTION, _PASSAGES)
        np.testing.assert_array_equal(first, second)

    @pytest.mark.parametrize("text", ["", " ", "torque " * 3_000])
    def test_odd_passages_get_a_finite_score(self, reranker: Reranker, text: str) -> None:
        assert np.isfinite(reranker.score(_QUESTION, [text, _PASSAGES[0]])).all()
