from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ragedge.generate.sentences import cells, flat, read_units, split_sentences


def kinds(text, headings=()):
    return [(unit.kind, flat(text[unit.start : unit.end])) for unit in read_units(text, headings)]


def test_abbreviations_decimals_and_figures_do_not_end_a_sentence():
    text = "Fill with approx. 4.5 L of oil. See Fig. 3 for the plug. Tighten it to 35 N·m."
    assert split_sentences(text) == [
        "Fill with approx. 4.5 L of oil.",
        "See Fig. 3 for the plug.",
        "Tighten it to 35 N·m.",
    ]


def test_japanese_sentences_end_without_a_space():
    assert split_sentences("空気圧は230 kPaです。冷えた状態で測ります。") == [
        "空気圧は230 kPaです。",
        "冷えた状態で測ります。",
    ]


def test_a_passage_falls_into_heading_notice_steps_and_rows():
    text = (
        "Draining\n\nWARNING\nHot oil burns.\n\n1. Warm up the engine\n   for 5 minutes. Stop it.\n"
        "2. Remove plug A-12.\n"
        "Item | Nm\nPlug | 35\nThe plug is\nmagnetic. Clean it."
    )
    assert kinds(text) == [
        ("heading", "Draining"),
        ("warning", "WARNING Hot oil burns."),
        ("step", "1. Warm up the engine for 5 minutes. Stop it."),
        ("step", "2. Remove plug A-12."),
        ("row", "Item | Nm"),
        ("row", "Plug | 35"),
        ("sentence", "The plug is magnetic."),
        ("sentence", "Clean it."),
    ]


def test_running_heads_and_captions_are_no_sentences():
    text = "User Guide 2016\nFigure 3: the plug\nThe plug is magnetic.\n14 / 19"
    assert kinds(text, {"User Guide 2016"}) == [
        ("heading", "User Guide 2016"),
        ("heading", "Figure 3: the plug"),
        ("sentence", "The plug is magnetic."),
        ("heading", "14 / 19"),
    ]


def test_empty_places_of_a_row_count():
    assert cells("Plug | - | 26") == ["Plug", "", "26"]


def test_words_broken_over_lines_are_joined():
    assert flat("the mag-\nnetic  plug") == "the magnetic plug"


@given(st.text(alphabet="ab1. |\n-WARNIG。図:•", max_size=200))
def test_units_are_in_order_apart_and_hold_every_word(text):
    units = read_units(text)
    assert all(a.end <= b.start for a, b in pairwise(units))
    assert all(unit.start < unit.end and text[unit.start : unit.end].strip() for unit in units)
    held = "".join(text[unit.start : unit.end] for unit in units)
    lost = [c for c in set(text) if c.isalnum() and held.count(c) != text.count(c)]
    assert not lost


def test_a_number_on_its_own_goes_with_the_sentence_that_it_numbers():
    assert kinds("See there. 12-3. Remove the cover. Lift it.") == [
        ("sentence", "See there."),
        ("sentence", "12-3. Remove the cover."),
        ("sentence", "Lift it."),
    ]


def test_a_step_may_be_numbered_by_section_and_a_heading_is_none():
    assert kinds("12-3. Remove the cover.\n12-4. Lift it off.") == [
        ("step", "12-3. Remove the cover."),
        ("step", "12-4. Lift it off."),
    ]
    assert kinds("3-2. Specific Safety Requirements\nWear gloves.")[0][0] != "step"


def test_each_entry_of_a_legend_is_a_row():
    assert kinds("7. BRACKET – AB33-0002 – QTY. 1 | 9. LOCK WASHER – MS353 – QTY. 2") == [
        ("row", "7. BRACKET – AB33-0002 – QTY. 1"),
        ("row", "|"),
        ("row", "9. LOCK WASHER – MS353 – QTY. 2"),
    ]
