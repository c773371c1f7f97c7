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


def test_a_question_without_a_kind_has_none():
    assert value_kind("How do I reset the display?") is None
