import pytest
from answer_passages import hit

from ragedge.generate.applies import Asked, absent
from ragedge.generate.evidence import find_evidence
from ragedge.generate.question import read_question
from ragedge.generate.quotes import choose_quotes

PRESSURES = hit(
    "Tyre | Model 2021 | Model 2022\n185/60 R15 | 220 kPa | 240 kPa\n195/55 R16 | 210 kPa | 230 kPa",
    heading=("Tyre pressures",),
)
JACKS = hit("Point | Applies to | Load\nFront jack | K12, 2021 | 900 kg\nFront jack | K14, 2021 | 1100 kg")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("torque of the front hub nut", "Rear hub nut 180 N·m"),
        ("weight of the 2022 car", "Weight in 2021: 900 kg"),
        ("plug gap of the K14B", "K14A: 0.8 mm"),
        ("oil for the American market", "EU: 5W-30"),
        ("all-wheel drive towing", "FWD: 500 kg"),
    ],
)
def test_what_is_said_of_another_model_year_market_or_side_conflicts(question, text):
    assert Asked(question).conflicts(text) == 1
    assert Asked(question).settles(text) == 0


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("torque of the front hub nut", "Front and rear hub nut 180 N·m"),
        ("weight of the 2022 car", "From 2021 to 2022: 900 kg"),
        ("plug gap of the K14B", "K14A and K14B: 0.8 mm"),
        ("plug gap of the K14B", "Part QX-200-14, M10 bolt"),
        ("torque of the hub nut", "Rear hub nut 180 N·m"),
    ],
)
def test_what_is_said_of_both_or_of_all_does_not(question, text):
    assert Asked(question).conflicts(text) == 0


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("weight of the 2023 car", {"2023"}),
        ("weight of the 2022 car", set()),
        ("oil for the 2.5 diesel", {"2.5"}),
        ("reset of Viewer 4", {"Viewer 4"}),
        ("reset of Viewer 3", set()),
        ("press Reset 4 times", set()),
    ],
)
def test_a_year_size_or_numbered_name_that_no_passage_holds_is_missed(question, missing):
    assert absent(question, ["The 2022 car has the 1.8 engine.", "Viewer 2 and Viewer 3"]) == missing


def test_a_row_is_quoted_with_the_column_of_the_year_asked_about():
    findings = find_evidence(read_question("tyre pressure 185/60 R15, 2022 model"), [PRESSURES])
    assert choose_quotes(findings)[0].text == "Tyre: 185/60 R15; Model 2022: 240 kPa"


def test_the_row_of_another_model_is_not_quoted():
    findings = find_evidence(read_question("load on the front jack of a K14"), [JACKS])
    assert [q.text for q in choose_quotes(findings)] == [
        "Point: Front jack; Applies to: K14, 2021; Load: 1100 kg"
    ]


def test_column_heads_that_differ_in_a_number_are_no_row():
    table = hit("Item | Remote K1 (2021) | Remote K2 (2022)\nRange | 20 m | 30 m\nCell | CR2016 | CR2025")
    findings = find_evidence(read_question("remote cell 2022"), [table])
    assert choose_quotes(findings)[0].text == "Item: Cell; Remote K2 (2022): CR2025"
