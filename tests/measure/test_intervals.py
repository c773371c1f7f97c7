"""Intervals against published values, against scipy, and by what they must do."""

from __future__ import annotations

import numpy as np
import pytest

from ragedge.measure.intervals import bootstrap, paired_difference, wilson


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(8, 10, 0.490, 0.943), (0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson(hits: int, count: int, low: float, high: float) -> None:
    assert wilson(hits, count) == pytest.approx((low, high), abs=5e-4)


def test_bootstrap_agrees_with_scipy() -> None:
    from scipy import stats

    values = np.random.default_rng(1).random(80)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=2)
    low, high = bootstrap(values.tolist(), rounds=9999)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.005)


def test_a_difference_agrees_with_scipys_randomisation() -> None:
    from scipy import stats

    generator = np.random.default_rng(3)
    first = generator.random(40)
    second = first + generator.normal(0.03, 0.1, 40)
    found = paired_difference(first.tolist(), second.tolist(), rounds=9999)
    theirs = stats.permutation_test(
        (second, first), lambda a, b: (a - b).mean(), permutation_type="samples", n_resamples=9999, rng=4
    )
    assert found.value == pytest.approx(float((second - first).mean()))
    assert found.low < found.value < found.high
    assert found.p == pytest.approx(theirs.pvalue, abs=0.02)


def test_no_difference_is_none() -> None:
    found = paired_difference([0.5, 0.7], [0.5, 0.7])
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_what_is_not_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="expected pairs"):
        paired_difference([1.0], [1.0, 0.0])
