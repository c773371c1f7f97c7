"""What the confidence rests on: a near miss differs from the question that is answered in the one thing it lacks."""

import pytest
from answer_passages import OIL, TORQUES, hit

from ragedge.generate.abstain import decide
from ragedge.generate.confidence import features
from ragedge.generate.evidence import find_evidence
from ragedge.generate.question import read_question

COMMON = {"": 400, "torque": 40, "Drain": 12, "plug": 20, "drain": 12, "oil": 60, "filter": 15}
LAMPS = "Code | Meaning\n4 | SIM card locked\n7 | Modem failed"


def values(question, *hits, counts=None):
    return features(find_evidence(read_question(question), hits), counts)


def test_a_name_that_the_collection_does_not_hold_is_counted():
    counts = {**COMMON, "Hyundai": 0}
    known = values("What is the drain plug torque?", hit(TORQUES), counts=counts)
    other = values("What is the drain plug torque of the Hyundai?", hit(TORQUES), counts=counts)
    assert (known.unknown_names, other.unknown_names) == (0, 1)
    assert other.unknown > known.unknown == 0


def test_a_word_that_is_only_in_other_chunks_is_known():
    assert (
        values("drain plug torque Hyundai", hit(TORQUES), counts={**COMMON, "Hyundai": 3}).unknown_names == 0
    )


@pytest.mark.parametrize(("number", "left_out"), [("4", 0), ("12", 1)])
def test_a_number_that_the_best_unit_leaves_out_is_counted(number, left_out):
    assert values(f"What does code {number} of the SIM card mean?", hit(LAMPS)).numbers == left_out


def test_a_kind_of_value_that_no_unit_about_the_subject_holds_is_told():
    assert values("What is the torque of the drain plug?", hit(TORQUES)).untyped == 0
    assert values("What does the drain plug cost?", hit(TORQUES)).untyped == 1


def test_the_value_names_what_it_is():
    """``35 N·m`` holds "torque" as the word itself would."""
    assert values("drain plug torque", hit("The drain plug takes 35 N·m.")).coverage == pytest.approx(1)


@pytest.mark.parametrize(
    "near_miss",
    [
        "How much does the oil cost?",
        "How much oil does the QE77 take?",
        "How much oil does the 2031 engine take?",
    ],
)
def test_a_near_miss_is_less_sure_than_what_is_answered(near_miss):
    hits = (hit(OIL, 1), hit(TORQUES, 2))
    answered = decide(find_evidence(read_question("How much oil does the engine take?"), hits), 0.5)
    missed = decide(find_evidence(read_question(near_miss), hits), 0.5)
    assert missed.confidence < answered.confidence - 0.1


def test_a_value_in_the_sentence_after_counts_as_said_of_the_subject():
    text = "Check the resistance of the sliprings with a multimeter. It must be 8 to 10 ohms."
    assert values("What is the resistance of the sliprings?", hit(text)).untyped == 0


def test_the_code_asked_about_is_pinned_where_it_stands_and_another_is_not():
    text = "The 3002AC slip ring is worn below 0.880 in."
    assert values("When is the 3002AC slip ring worn?", hit(text)).pinned == 1
    assert values("When is the 3002AD slip ring worn?", hit(text)).pinned == 0


def test_a_unit_of_measure_is_no_name():
    counts = {**COMMON, "Nm": 0}
    assert values("Drain plug torque in Nm?", hit(TORQUES), counts=counts).unknown_names == 0
