"""Choosing among settings: what helps is found, what does not is left, and luck is not taken for either."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragedge.tune.choice import choose


def table(rows: int, questions: int, seed: int) -> np.ndarray:
    """Settings that differ by luck alone, around what each question is worth."""
    generator = np.random.default_rng(seed)
    return generator.random(questions) * 0.6 + generator.normal(0, 0.15, (rows, questions))


def test_a_better_row_is_found_and_its_gain_is_about_its_own() -> None:
    scores = table(20, 150, 0)
    scores[7] += 0.1
    choice = choose(scores)
    assert (choice.row, choice.accepted) == (7, True)
    assert choice.gain.low < 0.1 < choice.gain.high


def test_luck_is_not_accepted() -> None:
    """Of 60 tables without any better row, at most the few that a 95% interval lets through are accepted."""
    accepted = sum(choose(table(40, 100, seed)).accepted for seed in range(60))
    assert accepted <= 3


def test_the_gain_is_not_flattered_by_the_choice() -> None:
    """Taking the best of many by luck would show a gain here; its mean over tables is about zero."""
    gains = [choose(table(40, 100, seed)).gain.value for seed in range(60)]
    best = [
        float((scores[1:] - scores[0]).mean(axis=1).max())
        for scores in (table(40, 100, s) for s in range(60))
    ]
    assert np.mean(best) > 0.02
    assert abs(np.mean(gains)) < 0.01


@given(st.integers(2, 6), st.integers(1, 30))
def test_equal_rows_change_nothing(rows: int, questions: int) -> None:
    scores = np.tile(np.random.default_rng(questions).random(questions), (rows, 1))
    choice = choose(scores)
    assert (choice.row, choice.accepted, choice.gain.value) == (0, False, 0)


def test_what_was_given_up_or_is_not_allowed_is_not_chosen() -> None:
    scores = table(4, 120, 1)
    scores[1] += 0.3
    scores[2] += 0.2
    assert choose(scores).row == 1
    assert choose(scores, [True, False, True, True]).row == 2
    scores[1, -1] = np.nan
    assert choose(scores).row == 2


def test_no_question_is_refused() -> None:
    with pytest.raises(ValueError, match="expected scores"):
        choose(np.zeros((3, 0)))
