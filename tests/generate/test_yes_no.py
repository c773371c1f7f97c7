import pytest

from ragedge.config import GenerateConfig
from ragedge.datatypes import ScoredChunk, SearchResult, SearchTimings, Why
from ragedge.generate.answerer import Answerer
from ragedge.generate.evidence import find_evidence
from ragedge.generate.question import read_question
from ragedge.generate.yes_no import settle


def hit(text):
    return ScoredChunk(
        1,
        "c1",
        "car.pdf",
        3,
        None,
        (3,),
        ("Driving",),
        "paragraph",
        text,
        0,
        len(text),
        1.0,
        Why(1, 0.7, 1, 9.0),
    )


def polarity(question, text):
    settled = settle(find_evidence(read_question(question), [hit(text)]))
    return settled.polarity if settled else None


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("Can I tow a trailer?", "You can tow a trailer of up to 500 kg.", "yes"),
        ("Can I tow a trailer?", "Do not tow a trailer.", "no"),
        ("Can I tow a trailer?", "A trailer must never be towed.", "no"),
        ("Does the car have a spare wheel?", "The car has no spare wheel.", "no"),
        ("Does the car have a tow hook?", "The car has a spare wheel and has no tow hook.", "no"),
        ("Must I check the oil before each trip?", "Check the oil before each trip; you must.", None),
        ("Must the oil be checked before each trip?", "The oil must be checked before each trip.", "yes"),
        ("Do I need to warm up the engine?", "You do not need to warm up the engine.", "no"),
        ("Can I wash the roof?", "If the cover cannot be closed, you can wash the roof.", "yes"),
        ("Darf ein Anhänger gezogen werden?", "Ein Anhänger darf nicht gezogen werden.", "no"),
        ("この車でトレーラーを牽引できますか？", "この車でトレーラーを牽引できません。", "no"),
    ],
)  # fmt: skip
def test_one_sentence_settles_it(question, text, expected):
    assert polarity(question, text) == expected


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Can I tow a trailer?", "You can tow a trailer only with the kit T-40."),
        ("Can I tow a trailer?", "A trailer can be towed, depending on the market."),
        ("Can I tow a trailer?", "You can tow a trailer. You cannot tow a trailer."),
        ("Can I tow a boat trailer?", "The trailer lamp is on the right."),
        ("Is the lamp on while driving?", "The lamp is off while driving."),
        ("Does the plug take 35 N·m?", "The plug takes 28 N·m."),
        ("Is it a chain or a belt?", "It is a chain."),
        ("Can I not tow a trailer?", "You can tow a trailer."),
    ],
)
def test_what_is_conditional_or_about_something_else_settles_nothing(question, text):
    assert polarity(question, text) is None


def ask(question, text):
    found = SearchResult([hit(text)], SearchTimings(1.0, 1.0, 2.0))
    return Answerer(None, GenerateConfig(abstain_below=0.0)).start(question, found).result()


def test_the_answer_is_it_and_the_sentence_that_settles_it():
    answer = ask("Can I tow a trailer?", "Trailers are heavy. The tow bar is black. Do not tow a trailer.")
    assert answer.text == "No. Do not tow a trailer."
    first = answer.sentences[0]
    assert first.text == "No."
    assert [answer.citations[i].quote for i in first.citations] == ["Do not tow a trailer."]


def test_where_nothing_settles_it_the_manual_is_quoted_as_such():
    answer = ask("Can I tow a trailer?", "You can tow a trailer only with the kit T-40.")
    assert answer.text == "The manual says: You can tow a trailer only with the kit T-40."
    assert answer.sentences[0].citations == answer.sentences[1].citations
