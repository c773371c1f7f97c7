import dataclasses

from answer_passages import OIL, STEPS, TORQUES, hit

from ragedge.datatypes import PlacedSpan
from ragedge.generate.citations import Citations, place
from ragedge.generate.evidence import find_evidence, holds_value
from ragedge.generate.question import read_question
from ragedge.generate.quotes import choose_quotes, read_row
from ragedge.generate.safety import notices


def quotes(question, *hits):
    return [quote.text for quote in choose_quotes(find_evidence(read_question(question), hits))]


def test_a_value_is_quoted_with_its_condition():
    first = quotes("How much oil does the engine take?", hit(TORQUES, 1), hit(OIL, 2))[0]
    assert first == "The engine takes 4.2 L of oil with a filter change."


def test_the_row_that_is_asked_for_is_read_with_its_heads():
    assert quotes("What is the torque of the wheel nut?", hit(OIL, 1), hit(TORQUES, 2))[0] == (
        "Fastener: Wheel nut M12; 110 N·m; 81 lb-ft"
    )


def test_a_row_cut_from_its_heads_gets_them_from_the_context():
    row = hit("Drain plug | 35\nOil filter | 18", kind="table", context="Fastener | Torque (N·m)")
    assert quotes("torque of the drain plug", row) == ["Fastener: Drain plug; Torque: 35 N·m"]


def test_a_row_without_heads_keeps_its_cells_apart():
    assert read_row(["Drain plug", "35"], []) == "Drain plug | 35"


def test_a_head_that_is_a_unit_stays_by_words_it_does_not_measure():
    assert read_row(["Plug", "by hand"], ["Item", "N·m"]) == "Item: Plug; N·m: by hand"


def test_a_procedure_is_quoted_whole_and_in_order():
    steps = quotes("How do I change the oil?", hit(OIL, 1), hit(STEPS, 2))
    assert steps == [
        "Have a pan ready.",
        "1. Remove the drain plug.",
        "2. Let the oil run out for 10 minutes.",
        "3. Fit a new seal.",
    ]


def test_a_procedure_goes_on_in_the_next_part_of_its_section():
    first = hit("To reset:\n1. Open the menu.\n2. Choose Reset.", 2, heading=("Reset",), start=0)
    second = hit("3. Enter the PIN.\n4. Wait for the restart.", 1, heading=("Reset",), start=50)
    steps = quotes("How do I reset and wait for the restart?", second, first)
    assert [step[:2] for step in steps] == ["To", "1.", "2.", "3.", "4."]


def test_the_warning_over_the_steps_is_a_notice():
    found = find_evidence(read_question("How do I change the oil?"), [hit(STEPS, page=7)])
    (notice,) = notices(found.passages, [0])
    assert (notice.kind, notice.page) == ("warning", 7)
    assert notice.text == "Hot oil burns the skin. Let the engine cool."


def test_a_warning_right_before_the_passage_is_a_notice_and_a_distant_one_is_not():
    near = hit("CAUTION: Do not tilt the car.", 2, kind="caution", start=0)
    far = hit("WARNING: High voltage.", 3, kind="warning", start=5000)
    found = find_evidence(read_question("oil"), [hit(OIL, 1, start=40), near, far])
    (notice,) = notices(found.passages, [0])
    assert (notice.kind, notice.text) == ("caution", "Do not tilt the car.")


def test_contents_lines_lose_to_statements():
    contents = hit("Changing the engine oil ............................ 12", 1)
    assert quotes(
        "When is the engine oil changed?", contents, hit("The engine oil is changed each year.", 2)
    )[0] == ("The engine oil is changed each year.")


def test_a_value_in_another_unit_is_not_the_value_asked_for():
    found = find_evidence(read_question("What voltage does the plug take?"), [hit("The plug takes 35 N·m.")])
    assert not holds_value(found, found.ranked[0])
    found = find_evidence(read_question("What voltage does the plug take?"), [hit("The plug takes 12 V.")])
    assert holds_value(found, found.ranked[0])


def test_a_quote_over_two_pages_is_two_citations_that_hold():
    pages = {3: "...and the plug is", 4: "tightened to 35 N·m."}
    text = "the plug is\ntightened to 35 N·m."
    spans = (PlacedSpan(3, "3", 7, 18), PlacedSpan(4, "4", 0, 20))
    chunk = hit(text, spans=spans)
    citations = Citations()
    assert citations.add(chunk, 0, len(text)) == (0, 1)
    assert citations.add(chunk, 0, len(text)) == (0, 1)
    assert [pages[c.page][c.start : c.end] for c in citations.items] == [c.quote for c in citations.items]


def test_a_hit_without_spans_is_placed_by_its_own_offsets():
    chunk = dataclasses.replace(hit("Fit a new seal.", page=9, start=100), spans=())
    ((placed, words),) = place(chunk, 4, 9)
    assert (placed.page, placed.start, placed.end, words) == (9, 104, 109, "a new")


def test_a_unit_is_not_seen_in_a_word():
    words = hit("The lamp of the clamp stays in place when the button is pressed in most of 5 cases.")
    for question in (
        "What current does the lamp take?",
        "How long is the clamp?",
        "How heavy is the button?",
    ):
        found = find_evidence(read_question(question), [words])
        assert not holds_value(found, found.ranked[0])


def test_of_two_procedures_in_one_section_the_one_asked_for_is_told():
    both = hit(
        "Battery\n\n1. Open the boot.\n2. Loosen the battery clamp.\n1. Hold each window switch.\n2. Set the clock."
    )
    assert quotes("How do I set the window switches and the clock?", both) == [
        "1. Hold each window switch.",
        "2. Set the clock.",
    ]


class ByWords:
    """Vectors told by hand: a text is near the question as given, anything else far from it."""

    def __init__(self, **near):
        self.near = near
        self.compared = []

    def __call__(self, question, texts):
        self.compared += texts
        return [next((c for word, c in self.near.items() if word in text), 0.0) for text in texts]


def test_a_sentence_without_the_words_of_the_question_leads_by_its_vector():
    page = hit("The pump is loud. It hums when worn out. Blue paint is used.")
    question = read_question("Why does the pump make noise?")
    assert find_evidence(question, [page]).ranked[0].unit == 0
    near = ByWords(hums=0.9)
    assert find_evidence(question, [page], near).ranked[0].unit == 1
    assert len(near.compared) == 3


def test_only_the_best_by_words_are_compared_by_vectors():
    page = hit(" ".join(f"The pump of kind {name} turns." for name in map(str, range(100, 160))))
    near = ByWords()
    found = find_evidence(read_question("Which way does the pump turn?"), [page], near)
    assert len(near.compared) < len(found.ranked)


def test_what_does_nearly_as_well_is_quoted_too_and_a_row_about_something_else_is_not():
    table = hit(
        "Plug | Torque (N·m)\nDrain plug, old | 35\nDrain plug, new | 30\nOil filter | 18", kind="table"
    )
    assert quotes("torque of the drain plug", table) == [
        "Plug: Drain plug, old; Torque: 35 N·m",
        "Plug: Drain plug, new; Torque: 30 N·m",
    ]


def test_a_row_of_values_is_not_taken_for_column_heads():
    rows = hit("Cold current | 370 A | 470 A\nQuiescent current | 20 mA | 30 mA", kind="table")
    assert quotes("What is the quiescent current?", rows)[0] == "Quiescent current | 20 mA | 30 mA"


def test_call_out_numbers_of_a_figure_are_not_quoted():
    text = "The tubing goes through the wheelhouse.\n\n27 27 26 28 1 ~\n\nCut the convoluted tubing straight and even."
    found = quotes("How must the convoluted tubing be cut?", hit(text))
    assert "Cut the convoluted tubing straight and even." in found
    assert not any("27" in quote for quote in found)


def test_a_value_that_one_row_gives_needs_no_other_bolt():
    rows = (
        "Fastener | N·m\nWheel nut M14 | 135\nWheel nut M12 | 108\nTrailing arm bolt | 110\nCaliper bolt | 60"
    )
    text = f"Tightening torques\n\n{rows}"
    found = quotes("What is the tightening torque of the wheel nuts?", hit(text))
    assert any("135" in quote for quote in found)
    assert not any("arm bolt" in quote or "Caliper" in quote for quote in found)


def test_japanese_sentences_are_statements():
    text = "点検の方法を説明する。タイヤの空気圧は250 kPaとする。走行後は空気圧が高くなる。"
    assert any("250" in quote for quote in quotes("タイヤの空気圧はいくつですか", hit(text)))
