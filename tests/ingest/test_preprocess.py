"""The nfkc preprocessor, and moving blocks along with the text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragedge.datatypes import Block, Document, Page
from ragedge.errors import PluginError
from ragedge.ingest.preprocess import apply, create_nfkc
from ragedge.testing.preprocessor_contract import PreprocessorContract


class TestNfkc(PreprocessorContract):
    plugin = "nfkc"

    def make_preprocessor(self):
        return create_nfkc({})


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=80))
def test_it_is_unicodes_own_nfkc(text):
    assert create_nfkc({}).process(text)[0] == unicodedata.normalize("NFKC", text)


def test_blocks_move_with_their_text():
    text = "㎜ is Ｎｍ\n\nｶﾞ｢x｣"
    page = Page(1, text, None, (Block("heading", 0, 7, 1), Block("paragraph", 9, len(text))))
    moved = apply(Document("a", "text/plain", (page,)), [create_nfkc({})]).pages[0]
    assert moved.text == "mm is Nm\n\nガ「x」"
    assert [moved.text[b.start : b.end] for b in moved.blocks] == ["mm is Nm", "ガ「x」"]


def test_offsets_that_do_not_fit_are_the_plugins_fault():
    class Wrong:
        def process(self, text):
            return text, [0]

    with pytest.raises(PluginError, match="offsets"):
        apply(Document("a", "text/plain", (Page(1, "abc"),)), [Wrong()])
