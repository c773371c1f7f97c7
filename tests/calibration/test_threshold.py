"""The threshold: moved by the decoys of a collection, drawn to the shipped one, held within bounds."""

import pytest

from ragedge.calibration.threshold import LEAST_QUESTIONS, fit_threshold, interval


def fit(decoys, own=0.9, count=400):
    confidences = [decoys * (i + 1) / count for i in range(count)] + [own] * count
    return fit_threshold(confidences, [False] * count + [True] * count, shipped=0.35)


def test_decoys_that_lie_higher_raise_the_threshold_and_lower_ones_lower_it():
    assert fit(0.4).threshold < 0.35 < fit(0.9).threshold


def test_shares_are_those_of_the_threshold():
    fitted = fit(0.6)
    silent = sum(0.6 * (i + 1) / 400 < fitted.threshold for i in range(400))
    assert (fitted.recall.hits, fitted.recall.count) == (silent, 400)
    assert (fitted.precision.hits, fitted.precision.count) == (silent, silent)
    assert (fitted.answered.hits, fitted.answered.count) == (400, 400)


def test_what_would_be_refused_of_answerable_questions_holds_it_down():
    assert fit(0.9, own=0.3).threshold < 0.35


def test_bounds_hold():
    assert fit(1.0, own=1.0).threshold <= 0.6
    assert fit(0.01, own=0.01).threshold >= 0.15


def test_few_questions_give_no_threshold():
    few = [0.5] * (LEAST_QUESTIONS - 1)
    assert fit_threshold(few, [i % 2 == 0 for i in range(len(few))], shipped=0.35) is None
    assert fit_threshold([0.5] * 100, [True] * 100, shipped=0.35) is None


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"), [(0, 0, 0, 1), (8, 10, 0.490, 0.943), (10, 10, 0.722, 1)]
)
def test_wilson_intervals(hits, count, low, high):
    assert interval(hits, count) == pytest.approx((low, high), abs=1e-3)
