"""What a passage holds of a question, and what the best candidates have in common."""

import numpy as np
import pytest

from ragedge.retrieve.feedback import cosine_gain
from ragedge.retrieve.word_match import COVER, PHRASE, WINDOW, WordMatch

WEIGHTS = {"drain": 2.0, "plug": 1.0, "torque": 1.0}


def held(text, headings="", weights=WEIGHTS):
    places = [(place, word) for place, word in enumerate(text.split()) if word in weights]
    return WordMatch(weights, len(weights)).read(places, frozenset(headings.split()) & weights.keys())


def test_terms_of_headings_count_as_held():
    assert held("the plug", "drain").terms == {"drain", "plug"}


def test_a_window_is_about_a_sentence():
    assert held("torque of the drain plug").window == 1.0
    far = "drain " + "x " * 30 + "plug torque"
    assert held(far).window == pytest.approx(0.5)
    assert held(far + " drain").window == 1.0
    assert held("nothing").window == 0.0


def test_a_phrase_is_neighbours_in_the_order_of_the_question():
    assert held("drain plug torque").phrase == 1.0
    assert held("drain of plug to torque").phrase == 1.0
    assert held("torque plug drain").phrase == 0.0
    assert held("drain plug x x torque").phrase == pytest.approx(0.5)


def test_the_score_by_hand():
    match = WordMatch(WEIGHTS, 3)
    found = match.read([(0, "drain"), (1, "plug")], frozenset())
    expected = COVER * 1.0 + WINDOW * 0.75 + PHRASE * 0.5
    assert match.score(found, frozenset(WEIGHTS)) == pytest.approx(expected)
    assert WordMatch(WEIGHTS, 10).score(found, frozenset(WEIGHTS)) == pytest.approx(expected / 2)


def test_a_question_without_known_words_scores_nothing():
    match = WordMatch({}, 2)
    assert match.score(match.read([], frozenset()), frozenset()) == 0.0


def test_what_is_like_the_leaders_gains_and_the_rest_loses():
    towards, away = np.array([0.6, 0.8, 0.0]), np.array([0.6, 0.0, 0.8])
    vectors = np.array([towards, towards, away, away, towards, away], np.float32)
    gain = cosine_gain(np.array([1, 0, 0], np.float32), vectors, np.array([9, 8, 3, 3, 1, 1], np.float32))
    assert gain[4] > gain[5]
    assert np.isclose(gain[0], gain[4])


def test_two_candidates_lead_nobody():
    vectors = np.eye(3, dtype=np.float32)[:2]
    assert not cosine_gain(np.array([1, 0, 0], np.float32), vectors, np.array([1, 2], np.float32)).any()
