import pytest

from ragedge.errors import QuestionError
from ragedge.generate.question import form_of, read_question
from ragedge.question_text import LONGEST_QUESTION, clean_question


@pytest.mark.parametrize("text", ["", "   ", "\x00\x07\n", "?!", "\u200b\u202e"])
def test_a_question_without_a_word_is_refused(text):
    with pytest.raises(QuestionError, match="empty"):
        clean_question(text)


def test_a_long_question_is_refused_with_the_limit_and_without_its_words():
    with pytest.raises(QuestionError, match=f"100000 characters; at most {LONGEST_QUESTION}") as failure:
        clean_question("secret " * 14285 + "words")
    assert "secret" not in str(failure.value)


def test_control_and_direction_characters_go():
    assert clean_question("What\x00 is\u202e the\n torque?\ud800") == "What is the torque?"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("What is the torque of the drain plug?", "value"),
        ("How often is the oil changed?", "value"),
        ("When did the second version appear?", "value"),
        ("How do I change the oil?", "how_to"),
        ("Steps to reset the clock", "how_to"),
        ("Can I tow the car?", "yes_no"),
        ("Where is the jack?", "where"),
        ("What is the difference between Eco and Sport mode?", "compare"),
        ("Why does the light blink?", "explain"),
        ("Wie hoch ist der Reifendruck?", "value"),
        ("Darf ich die Batterie ausbauen?", "yes_no"),
        ("タイヤの空気圧はいくつですか", "value"),
        ("オイルを交換する方法", "how_to"),
        ("ジャッキはどこですか", "where"),
        ("牽引できますか", "yes_no"),
    ],
)
def test_the_form_is_read_from_the_words(text, form):
    assert read_question(text).form == form


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the jack?", "en"),
        ("Wo ist der Wagenheber?", "de"),
        ("ジャッキはどこ", "ja"),
        ("P0A1F", "en"),
    ],
)
def test_the_language_is_read_from_the_words(text, language):
    assert read_question(text).language == language


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Replace the pollen filter", "how_to"),
        ("removing the door trim", "how_to"),
        ("reset interval", "value"),
        ("What do I do if the voltage is too low?", "explain"),
    ],
)
def test_an_order_asks_for_steps_and_what_to_do_for_no_number(text, form):
    assert form_of(text) == form
