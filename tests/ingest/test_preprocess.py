"""The built-in preprocessors, moving blocks along with the text, and citations of rewritten text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ragedge
from ragedge.datatypes import Block, Document, Page
from ragedge.errors import PluginError
from ragedge.ingest import ocr_slips
from ragedge.ingest.preprocess import apply, create_nfkc
from ragedge.testing.preprocessor_contract import PreprocessorContract


class TestNfkc(PreprocessorContract):
    plugin = "nfkc"

    def make_preprocessor(self):
        return create_nfkc({})


class TestOcrSlips(PreprocessorContract):
    plugin = "ocr_slips"

    def make_preprocessor(self):
        return ocr_slips.create({})


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("a l/8-inch drill", "a 1/8-inch drill"),
        ("3/l6 in. or 1l/16 in.", "3/16 in. or 11/16 in."),
        ("1O5 psi, O.005 in., 1.O5, 0.l mm", "105 psi, 0.005 in., 1.05, 0.1 mm"),
        ("0il the 0-ring", "Oil the O-ring"),
        ("the va1ve of the thr0ttle", "the valve of the throttle"),
    ],
)
def test_slips_are_mended_in_place(read, meant):
    text, offsets = ocr_slips.create({}).process(read)
    assert text == meant
    assert list(offsets) == list(range(len(read) + 1))


@pytest.mark.parametrize(
    "text", ["H2O", "I2C at 0x1f", "1l of oil", "45O", "I/O", "I/O 2", "M10x1", "the 0th bit", "chapter I.2",
             "QS-904-1201", "l2 and V0I1", "IO10", "2015 Il"],
)  # fmt: skip
def test_what_may_be_a_code_is_left(text):
    assert ocr_slips.create({}).process(text)[0] == text


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


@pytest.mark.parametrize("names", [("nfkc",), ("ocr_slips", "nfkc")])
def test_a_citation_of_rewritten_text_leads_back_to_its_page_and_place(tmp_path, home_with_models, names):
    """Full-width digits, a ligature and a slip stand before the fact and in it."""
    (tmp_path / "manual.txt").write_text(
        "Ｎｏｔｅ １\n\nThe ﬁlter is ㎜ fine.\f"
        "Ｃｏｏｌｉｎｇ\n\nThe ﬁlter housing of the 0il pump takes a l/8-inch ㎏ gauge at ２５ Nm of torque.\n",
        encoding="utf-8",
    )
    settings = {
        "ingest.preprocessors": list(names),
        "generate.generator": "none",
        "generate.abstain_below": 0.0,
    }
    with ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb:
        kb.ingest(tmp_path / "manual.txt")
        answer = kb.ask("What torque does the filter housing of the oil pump take?")
        [citation] = answer.citations[:1]
        assert citation.page == 2
        assert "25 Nm" in citation.quote
        assert ("1/8-inch" in citation.quote) == ("ocr_slips" in names)
        page = kb.inspect("manual.txt", page=citation.page)[0]
        assert page["text"][citation.start : citation.end] == citation.quote
        for block in page["blocks"]:
            assert page["text"][block["start"] : block["end"]] == block["text"].strip()
