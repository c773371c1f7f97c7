"""How much is quoted, and where an answer stops."""

from answer_passages import found, hit

from ragedge.generate.asked_value import values_in
from ragedge.generate.callouts import called_out
from ragedge.generate.evidence import find_evidence
from ragedge.generate.passages import read_passage
from ragedge.generate.question import read_question
from ragedge.generate.quotes import choose_quotes

SERVICE = (
    "Work | Normal | Severe\nBrake fluid | 24 months | 12 months when towing\nAir filter | 36 months | 18 months\n\n"
    "After the first change, engine coolant is replaced every 50,000 miles or 5 years."
)
FILLS = (
    "Engine oil capacity\n\nEngine | With filter | Dry engine\nQE-A | 4.2 L | 4.7 L\nQE-P | 4.5 L | 5.1 L\n\n"
    "An engine that burns less than 0.5 L per 1,000 km is in order.\n\n"
    "From the low mark to the full mark of the dipstick takes 1.0 L in both engines."
)
FIGURE = (
    "32-2. Remove self-tapping screw (4) from right capping ring (3).\n"
    "32-3. Secure antenna cable (1) to right capping ring (3) with clamp (6) and washer (7).\n\n"
    "1. ANTENNA CABLE – A325 – QTY. 1\n6. LOOP – MS21333-96 – QTY. 1 7. WASHER – 2436161 – QTY. 8"
)


def quoted(question, *texts):
    hits = found(*(hit(text, rank, page=rank) for rank, text in enumerate(texts, 1)))
    return [quote.text for quote in choose_quotes(find_evidence(read_question(question), hits))]


def test_an_answer_stops_with_the_value_of_the_thing_asked_for():
    assert quoted("How often must the brake fluid be changed?", SERVICE) == [
        "Work: Brake fluid; Normal: 24 months; Severe: 12 months when towing"
    ]


def test_rows_of_the_table_that_answers_stay_and_what_stands_under_its_title_goes():
    assert sorted(quoted("What is the oil capacity of the engine?", FILLS)) == [
        "Engine: QE-A; With filter: 4.2 L; Dry engine: 4.7 L",
        "Engine: QE-P; With filter: 4.5 L; Dry engine: 5.1 L",
    ]


def test_the_same_value_under_another_condition_is_told_too():
    taxis = SERVICE.replace("\n\n", "\nBrake fluid of taxis | 6 months | 3 months\n\n")
    assert len(quoted("How often must the brake fluid be changed?", taxis)) == 2


def test_a_part_named_by_its_number_in_a_figure_is_looked_up_in_the_legend():
    question = read_question("Which washer is used with the clamp at the right capping ring?")
    findings = find_evidence(question, found(hit(FIGURE)))
    step = next(e for e in findings.ranked if e.unit == 1)
    (place, unit), *more = called_out(findings, step)
    passage = findings.passages[place]
    assert passage.text(passage.units[unit]) == "7. WASHER – 2436161 – QTY. 8"
    assert not more
    assert "7. WASHER – 2436161 – QTY. 8" in quoted(question.text, FIGURE)


def test_a_number_in_a_figure_is_no_value():
    question = read_question("How many bolts hold the pump cover?")
    steps = "3. Take bolts (3) and pump cover (4) off the housing ( 5).\n4. Take six bolts (3) off the pump cover (4)."
    passage = read_passage(hit(steps))
    assert [values_in(question, passage, index)[0] for index in (0, 1)] == [False, True]
