import pytest

from ragedge.generate.question_parts import parts_of


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Which oil does the P16 take and how much?", ("Which oil does the P16 take?", "how much oil P16?")),
        (
            "How long is the chain and what is its stock number?",
            ("How long is the chain?", "what is its stock number chain?"),
        ),
        (
            "How many screws and which washers hold the rail?",
            ("How many screws washers hold rail?", "which washers hold the rail?"),
        ),
        ("What holds the rail and the bracket?", ()),
        ("What is the difference between what a and how b?", ()),
        ("When is the oil changed?", ()),
    ],
)
def test_parts_are_questions_by_themselves(question, parts):
    assert parts_of(question) == parts
