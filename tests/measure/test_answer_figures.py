"""The figures that are reported about answers: cases counted by hand, and the library others use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragedge.measure.answer_figures import calibration_error, holds, rouge_l


@pytest.mark.parametrize(
    ("expected", "given", "score"),
    [
        ("police killed the gunman", "police kill the gunman", 0.75),  # Lin 2004, section 3.1
        ("police killed the gunman", "the gunman kill police", 0.5),
        ("a b c d", "a x b y c z d w", 2 * 4 / 12),
        ("oil", "water", 0.0),
        ("", "water", 0.0),
    ],
)
def test_rouge_l_is_the_published_one(expected, given, score):
    assert rouge_l(expected, given) == pytest.approx(score)


@pytest.mark.parametrize(
    ("fact", "text", "held"),
    [
        ("35 N·m", "Tighten to 35 Nm.", True),
        ("35", "Tighten to 135 N·m.", False),
        ("3.5", "It takes 13.5 L", False),
        ("1200", "up to 1,200 rpm", True),
        ("28", "28.5 N·m", False),
        ("DOT 3", "2024 | DOT 4 | DOT 3\n2025 | DOT 4", True),
        ("28", "M12 28 21", True),
        ("1.5 mm", "at 2 1.5 mm", True),
        ("four screws", "remove the four\nscrews", True),
    ],
)
def test_facts_are_found_in_any_spelling_and_only_whole(fact, text, held):
    assert holds([fact], text) is held


_WORDS = st.lists(st.sampled_from(["oil", "torque", "35", "nm", "plug", "Drain", ",", "the"]), max_size=12)


@given(_WORDS.map(" ".join), _WORDS.map(" ".join))
def test_rouge_l_is_that_of_the_package(expected, given):
    from rouge_score.rouge_scorer import RougeScorer

    theirs = RougeScorer(["rougeL"]).score(expected, given)["rougeL"].fmeasure
    assert rouge_l(expected, given) == pytest.approx(theirs)


def test_calibration_is_measured_bin_by_bin():
    rows = [{"confidence": 0.95, "answerable": True}, {"confidence": 0.15, "answerable": True}]
    assert calibration_error(rows) == pytest.approx((0.05 + 0.85) / 2)
