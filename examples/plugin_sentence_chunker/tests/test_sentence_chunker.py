from __future__ import annotations

import pytest
from ragedge_sentence_chunker import create

from ragedge import plugins
from ragedge.datatypes import Document, Page
from ragedge.errors import ConfigError
from ragedge.protocols import Chunker
from ragedge.testing.chunker_contract import ChunkerContract
from ragedge.testing.word_counter import WordCounter


class TestSentenceChunker(ChunkerContract):
    def make_chunker(self, max_tokens: int) -> Chunker:
        chunker: Chunker = plugins.create("chunker", "sentence", {"max_tokens": max_tokens})
        return chunker


def chunks(text: str, max_tokens: int = 16) -> list[str]:
    document = Document("page.txt", "text/plain", (Page(1, text),))
    return [chunk.text for chunk in create({"max_tokens": max_tokens}).chunk(document, WordCounter())]


def test_sentences_stay_whole() -> None:
    first = "Park the car on level ground and let the engine cool down."
    second = "Remove the drain plug. Catch the oil in a pan."
    assert chunks(f"{first} {second}") == [first, second]


def test_as_many_sentences_as_fit_go_together() -> None:
    assert chunks("Stop. Look. Listen.") == ["Stop. Look. Listen."]


def test_a_decimal_point_ends_no_sentence() -> None:
    text = "Set the gap to 1.25 mm on each of the four plugs and check it twice. Then close the cover again."
    assert all(not chunk.endswith("1.") for chunk in chunks(text))


@pytest.mark.parametrize(
    "options", [{"max_tokens": 3}, {"max_tokens": "many"}, {"overlap_tokens": 8}, {"size": 1}]
)
def test_options_that_are_not_allowed_are_named(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        create(options)
