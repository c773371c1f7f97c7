"""The kind of value asked for: a number counts only with a unit of that kind."""

import pytest

from ragedge.generate.value_kind import value_kind


@pytest.mark.parametrize(
    ("question", "text", "held"),
    [
        ("How much does the pump weigh?", "Tighten to 12-14 lb-ft (14-18 N·m).", False),
        ("How much does the pump weigh?", "The pump has a mass of 14 kg.", True),
        ("Drain plug torque?", "Tighten the plug to 35 N·m.", True),
        ("Drain plug torque?", "The plug is 35 mm long.", False),
        ("How long does the change take?", "The hose is 3 ft long.", False),
        ("How long does the change take?", "Allow ten minutes.", True),
        ("How long is the hose?", "The hose is 3 ft long.", True),
        ("What does the cable cost?", "ODB-II cable: $9.50", True),
        ("What does the cable cost?", "The cable has 9 pins.", False),
        ("What colour is the clip?", "The clip is orange.", True),
        ("Part number of the seal?", "Fit a new seal, QS-904-1201.", True),
        ("Part number of the seal?", "Fit a new seal.", False),
        ("How long are the records kept?", "The records are kept for 24 hours.", True),
        ("What does the 10,000-pound fitting weigh?", "Hook it to the 10,000-pound fitting.", False),
        ("How many screws hold the cover?", "Take out two long hexagon screws.", True),
        ("How many screws hold the cover?", "SCREW, cap - QTY. 4", False),
        ("How many screws hold the cover?", "Take off the cover (2) and its screws.", False),
        ("How many pages has it?", "The number of pages of this book is 20.", True),
        ("How many rectifiers come out?", "Take out three rectifiers (9).", True),
        ("Wie schwer ist die Pumpe?", "Die Pumpe wiegt 3 kg.", True),
        ("タイヤの空気圧は？", "250 kPa にする。", True),
    ],
)
def test_a_value_of_the_kind_is_told_from_others(question, text, held):
    assert value_kind(question).is_in(text) is held


def test_a_number_under_a_head_with_the_unit_counts():
    kind = value_kind("Drain plug torque?")
    assert kind.is_in("Drain plug | 35", "Fastener | N·m")
    assert not kind.is_in("Drain plug | 35", "Fastener | mm")


def test_a_count_stands_under_a_head_that_counts():
    assert value_kind("How many screws hold the cover?").is_in("Screw | 4", "Item | Qty")


@pytest.mark.parametrize(
    "question",
    ["Which generator has a voltage regulator inside?", "Which model has its torque given in table 3?"],
)
def test_a_device_and_a_thing_to_be_named_are_no_values(question):
    assert value_kind(question) is None


def test_a_question_without_a_kind_has_none():
    assert value_kind("How do I reset the display?") is None


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("エンジンオイルの容量は？", "容量は4.2リットルである。"),
        ("締付トルクはいくつですか。", "35 N·mで締め付ける。"),
        ("バッテリーの電圧は？", "電圧は12ボルトです。"),
        ("タイヤの空気圧は？", "前輪は230kPaとする。"),
        ("温度は？", "80度を超えない。"),
    ],
)
def test_units_end_where_japanese_words_follow(question, text):
    kind = value_kind(question)
    assert kind is not None
    assert kind.is_in(text)
    assert not kind.is_in("値は規定されていない。")
