"""The few words that answer in Japanese."""

import pytest
from answer_passages import found, hit

from ragedge.config import GenerateConfig
from ragedge.generate.answerer import Answerer
from ragedge.generate.short_answer import asks_for_a_few_words, best_span

OIL = "エンジンオイルの容量は4.2リットルである。オイルは12か月ごとに交換する。"
PLANT = "本社工場は1998年に大阪府で完成した。工場長は山田太郎である。従業員は250人である。"


@pytest.mark.parametrize(
    ("question", "text", "words"),
    [
        ("本社工場が完成したのは何年か？", PLANT, "1998年"),
        ("従業員は何人か。", PLANT, "250人"),
        ("本社工場は1998年にどこで完成した？", PLANT, "大阪府"),
    ],
)
def test_a_year_a_number_and_a_place_are_cut_out(question, text, words):
    span = best_span(question, ["別の話である。", text])
    assert span is not None
    assert (span.text, text[span.start : span.end]) == (1, words)
    assert 0 < span.share <= 1


def test_nothing_in_common_is_no_span():
    assert best_span("従業員は何人か。", ["xyz"]) is None


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("容量はいくつですか。", True),
        ("首都は？", True),
        ("なぜ交換しますか", False),
        ("交換の方法は？", False),
    ],
)
def test_reasons_and_ways_take_more_than_a_few_words(question, asks):
    assert asks_for_a_few_words(question) is asks


def test_the_words_stand_before_the_sentence_that_holds_them_and_cite_it():
    config = GenerateConfig(abstain_below=0.0)
    hits = found(hit(PLANT, 1, page=3), hit(OIL, 2, page=7))
    answer = Answerer(None, config).start("本社工場が完成したのは何年か？", hits).result()
    assert answer.text == "1998年\n本社工場は1998年に大阪府で完成した。"
    assert {c.page for c in answer.citations} == {3}
    assert all(s.text in answer.citations[s.citations[0]].quote for s in answer.sentences)
