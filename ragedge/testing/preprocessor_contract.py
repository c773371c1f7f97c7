"""The suite that every preprocessor must pass: subclass it and override ``make_preprocessor``."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragedge.protocols import Preprocessor

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=120) | st.sampled_from(
    ["ﬁlter ① Ｎｍ", "e\u0301", "が\u3099", "\u1100\u1161\u11a8", "ｶﾞ", "½ in. ℃ ㎜", ""]
)


class PreprocessorContract:
    """What any preprocessor must do with any text."""

    def make_preprocessor(self) -> Preprocessor:
        """Build the preprocessor under test."""
        raise NotImplementedError

    @given(text=_TEXTS)
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_offsets_fit_the_text(self, text: str) -> None:
        new, offsets = self.make_preprocessor().process(text)
        assert len(offsets) == len(new) + 1
        assert all(a <= b for a, b in itertools.pairwise(offsets))
        assert not len(offsets) or (offsets[0] >= 0 and offsets[-1] <= len(text))

    @given(text=_TEXTS)
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_the_same_text_gives_the_same(self, text: str) -> None:
        preprocessor = self.make_preprocessor()
        first, second = preprocessor.process(text), preprocessor.process(text)
        assert first[0] == second[0]
        assert list(first[1]) == list(second[1])
