"""The figures that are reported about answers, on cases counted by hand."""

import importlib.util
from pathlib import Path

import pytest

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "answers.py"
_SPEC = importlib.util.spec_from_file_location("benchmark_answers", _PATH)
answers = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(answers)


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
    assert answers.rouge_l(expected, given) == pytest.approx(score)


@pytest.mark.parametrize(
    ("fact", "text", "held"),
    [
        ("35 N·m", "Tighten to 35 Nm.", True),
        ("35", "Tighten to 135 N·m.", False),
        ("3.5", "It takes 13.5 L", False),
        ("1200", "up to 1,200 rpm", True),
        ("28", "28.5 N·m", False),
        ("four screws", "remove the four\nscrews", True),
    ],
)
def test_facts_are_found_in_any_spelling_and_only_whole(fact, text, held):
    assert answers.holds([fact], text) is held


def test_the_interval_is_wilsons():
    low, high = answers.interval(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)


def test_calibration_is_measured_bin_by_bin():
    rows = [{"confidence": 0.95, "answerable": True}, {"confidence": 0.15, "answerable": True}]
    assert answers.calibration_error(rows) == pytest.approx((0.05 + 0.85) / 2)
