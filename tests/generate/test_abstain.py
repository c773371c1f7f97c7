import dataclasses

import pytest
from answer_passages import OIL, TORQUES, hit

from ragedge.datatypes import Why
from ragedge.generate.abstain import decide, features
from ragedge.generate.evidence import find_evidence
from ragedge.generate.question import read_question
from ragedge.generate.wording import not_found


def decision(question, *hits, threshold=0.45):
    return decide(find_evidence(read_question(question), hits), threshold)


def test_a_question_that_the_passages_answer_is_answered():
    made = decision("How much oil does the engine take?", hit(OIL, 1), hit(TORQUES, 2))
    assert made.reason is None
    assert made.confidence > 0.7


def test_no_hits_is_no_passages():
    made = decision("How much oil does the engine take?")
    assert (made.reason, made.confidence) == ("no_passages", 0.0)


def test_a_code_that_no_passage_holds_is_missing():
    made = decision("How much oil does the engine take after fault P0A1F?", hit(OIL, 1))
    assert made.reason == "terms_missing"
    assert made.confidence < 0.45


def test_a_code_is_found_however_it_is_spelt():
    passage = hit("Fault P0A-1F: the engine takes too much oil.")
    assert decision("What does fault P0A1F mean for the engine oil?", passage).reason is None


def test_another_topic_has_a_low_score():
    made = decision("Which colours does the sofa come in?", hit(OIL, 1, dense=0.2))
    assert made.reason in {"low_score", "terms_missing"}


def test_a_subject_that_stands_nowhere_is_missing_however_near_the_rest_comes():
    found = find_evidence(read_question("How much oil does the moon buggy take?"), [hit(OIL, 1)])
    common = {"oil": 20, "engine": 40, "take": 30, "": 100}
    known = decide(found, 0.5, {**common, "moon": 3, "buggy": 4})
    unknown = decide(found, 0.5, {**common, "moon": 0, "buggy": 0})
    assert unknown.reason == "terms_missing"
    assert unknown.confidence < known.confidence / 2


def test_features_stay_in_range_without_either_half_of_the_search():
    bare = [dataclasses.replace(hit(OIL), why=Why())]
    values = features(find_evidence(read_question("How much oil?"), bare))
    assert all(0 <= value <= 1 for value in values)


def test_confidence_does_not_hang_on_the_threshold():
    loose = decision("How much oil does the engine take?", hit(OIL, 1), threshold=0.1)
    strict = decision("How much oil does the engine take?", hit(OIL, 1), threshold=0.99)
    assert loose.confidence == strict.confidence
    assert (loose.reason, strict.reason) == (None, "low_score")


@pytest.mark.parametrize("language", ["en", "de", "ja"])
def test_the_one_sentence_is_in_each_language(language):
    assert not_found(language).endswith((".", "。"))


@pytest.mark.parametrize(
    "question", ["How much oil does the 2031 engine take?", "How much oil does the 3.5 diesel take?"]
)
def test_a_year_or_size_that_no_passage_holds_is_missing(question):
    assert decision(question, hit(OIL, 1)).reason == "terms_missing"


@pytest.mark.parametrize("threshold", [0.2, 0.4, 0.6, 0.8])
def test_a_low_score_is_given_only_under_the_threshold(threshold):
    for dense in (0.1, 0.3, 0.5, 0.7):
        made = decision(
            "How much oil does the big engine need?", hit(OIL, 1, dense=dense), threshold=threshold
        )
        assert (made.reason == "low_score") == (made.confidence < threshold)
