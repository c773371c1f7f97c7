"""The suite that every redactor must pass: subclass it and override ``make_redactor``."""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragedge.privacy.redaction.replacing import Redaction
from ragedge.protocols import Redactor

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=160) | st.sampled_from(
    ["Mr. A. B@c.de +49 30 1234567 DE89 3704 0044 0532 0130 00", "1.2.3.4", "::1", "", "4111 1111 1111 1111"]
)


class RedactorContract:
    """What any redactor must do with any text."""

    def make_redactor(self) -> Redactor:
        """Build the redactor under test."""
        raise NotImplementedError

    @given(text=_TEXTS)
    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_finds_are_in_order_and_inside(self, text: str) -> None:
        found = self.make_redactor().find(text)
        assert all(0 <= data.start < data.end <= len(text) for data in found)
        assert all(a.end <= b.start for a, b in itertools.pairwise(found))
        assert all(data.kind and data.kind.isidentifier() for data in found)

    @given(text=_TEXTS)
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_offsets_of_what_was_replaced_fit(self, text: str) -> None:
        new, offsets = Redaction([self.make_redactor()]).process(text)
        assert len(offsets) == len(new) + 1
        assert all(a <= b for a, b in itertools.pairwise(offsets))
        assert offsets[-1] == len(text)

    def test_a_manual_without_personal_data_is_left_alone(self) -> None:
        text = (
            "Torque the bolts to 35 N·m (26 lb-ft).\nOrder NSN 2910-01-234-5678 or P/N 12345678-2, 3 each.\n"
        )
        assert list(self.make_redactor().find(text)) == []
