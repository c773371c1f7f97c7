import pytest
from answer_passages import OIL, TORQUES, hit

from ragedge.generate.passages import read_passage
from ragedge.generate.terms import content_terms
from ragedge.generate.verify import plain, verify

PASSAGES = [read_passage(hit(OIL)), read_passage(hit(TORQUES, 2))]


def reason(sentence, question="What is asked?", said=(), finished=True):
    return verify(plain(sentence), PASSAGES, content_terms(question), said, finished=finished).reason


@pytest.mark.parametrize(
    "sentence",
    [
        "The engine takes 4.2 L of oil with a filter change.",
        "The engine takes 4.2 liters of oil [1].",
        "The drain plug is 35 N·m.",
        "The drain plug is 26 lb-ft.",
        "The wheel nut M12 requires 110 Nm.",
        "Do not mix grades.",
    ],
)
def test_what_a_passage_holds_stands(sentence):
    assert reason(sentence) == ""


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("The engine takes 5.2 L of oil.", "support"),  # a number is a term, too
        ("The drain plug is 26 N·m.", "numbers"),  # the other column's unit
        ("The drain plug is 110 N·m.", "support"),  # the other row's value
        ("The engine takes 4.2 qt of oil.", "numbers"),
        ("The wheel nut M14 is 110 N·m.", "support"),
        ("The engine does not take oil.", "negation"),
        ("Mix grades of oil.", "negation"),
        ("The engine takes synthetic oil.", "support"),
        ("Yes, the engine takes oil.", "polarity"),
        ("The engine takes 4.2 L of oil with", "unfinished"),
        ("Passage 1 says 4.2 L of oil.", "refers"),
        ("Oil oil.", "too_short"),
        ("The oil of the filter is the oil of the filter.", "loops"),
    ],
)
def test_what_no_passage_holds_does_not(sentence, why):
    assert reason(sentence, finished=why != "unfinished") == why


def test_a_sentence_that_only_repeats_the_question_says_nothing():
    assert reason("The engine takes oil.", "How much oil does the engine take?") == "question"


def test_a_sentence_that_repeats_the_answer_is_dropped():
    said = ["The engine takes 4.2 L of oil with a filter change."]
    assert reason("The engine takes 4.2 L of oil with a filter change.", said=said) == "repeats"


def test_a_number_stands_beside_what_it_counts():
    passage = read_passage(hit("Turn the screw 3 times, wait 10 minutes, and press both buttons."))
    swapped = verify("Turn the screw and wait 3 minutes.", [passage], ())
    assert swapped.reason == "binding"
    assert verify("Wait 10 minutes.", [passage], ()).holds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("• Car module: $99.00\n• Programmer: $16.99", "The car module is available for $16.99."),
        ("The plug takes 35 N·m and the filter 18 N·m.", "The filter takes 35 N·m."),
        (
            "Fastener | Hybrid (N·m) | Plug-in (N·m)\nDrain plug | 35 | 28",
            "The drain plug of the hybrid is 28 N·m.",
        ),
    ],
)
def test_a_value_with_a_rival_is_left_to_the_quote(text, sentence):
    assert not verify(sentence, [read_passage(hit(text))], ()).holds


def test_the_verdict_names_the_units_that_carry_the_sentence():
    verdict = verify("The drain plug is 35 N·m.", PASSAGES, ())
    passage = PASSAGES[verdict.passage]
    carried = [passage.text(passage.units[i]) for i in verdict.units]
    assert carried == ["Drain plug | 35 | 26", "Fastener | N·m | lb-ft"]
