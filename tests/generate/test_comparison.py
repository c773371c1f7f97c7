"""A comparison quotes what is said of each side."""

import pytest
from answer_passages import hit

from ragedge.generate.comparison import sides
from ragedge.generate.evidence import find_evidence
from ragedge.generate.question import read_question
from ragedge.generate.quotes import choose_quotes

LIMITS = "Model | Wear limit\n3002AC | 0.880 in.\n3002AD | 0.910 in.\n3002AE | 0.950 in."
PRESSURES = "The front tyres take 240 kPa. The rear tyres take 260 kPa. The spare wheel takes 420 kPa."


def quoted(question, *texts):
    hits = [hit(text, rank) for rank, text in enumerate(texts, 1)]
    return [quote.text for quote in choose_quotes(find_evidence(read_question(question), hits))]


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        ("What is the difference between the limits of the 3002AC and the 3002AD?", "3002ac", "3002ad"),
        ("Which is higher, the torque of the M12 nut or the M14 nut?", "m12", "m14"),
        ("Is the front tyre pressure higher than the rear?", "front", "rear"),
        ("Petrol or diesel: which takes more oil?", "petrol", "diesel"),
    ],
)
def test_the_sides_are_told_apart_by_what_each_has_alone(question, one, other):
    assert read_question(question).form == "compare"
    assert sides(question) == (frozenset({one}), frozenset({other}))


def test_a_question_without_two_sides_compares_nothing():
    assert sides("What is the wear limit of the 3002AC?") is None


def test_each_side_is_quoted_and_the_third_is_not_first():
    found = quoted("What is the difference between the wear limits of the 3002AC and the 3002AD?", LIMITS)
    assert "0.880" in found[0]
    assert "0.910" in found[1]


def test_sentences_of_both_sides_are_quoted_in_the_order_of_the_question():
    found = quoted("Is the rear tyre pressure higher than the front?", PRESSURES)
    assert [("260" in found[0]), ("240" in found[1])] == [True, True]


def test_a_side_that_stands_nowhere_leaves_the_usual_answer():
    assert quoted("What is the difference between the 3002AC and the 9999ZZ wear limits?", LIMITS)
