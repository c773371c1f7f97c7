import pytest

from ragedge.generate.terms import codes, content_terms, numbers, quantities, stem, values


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("charging", "charged"), ("replace", "replacement"), ("batteries", "battery"), ("installation", "install"),
        ("setting", "settings"), ("stopped", "stop"), ("adjust", "adjustment"), ("connection", "connect"),
        ("heated", "heat"), ("remove", "removing"), ("copies", "copy"),
    ],
)  # fmt: skip
def test_forms_of_a_word_share_a_stem(first, second):
    assert stem(first) == stem(second)


@pytest.mark.parametrize(("first", "second"), [("bus", "bu"), ("glass", "glas"), ("string", "str")])
def test_words_that_only_look_alike_do_not(first, second):
    assert stem(first) != stem(second)


def test_a_question_keeps_what_tells():
    assert content_terms("How often should the engine oil be changed?") == (
        "engin",
        "oil",
        "chang",
    )
    assert content_terms("P0A-1F at 12V") == (
        "p0a1f",
        "12",
    )
    assert content_terms("空気圧") == (
        "空気",
        "気圧",
    )


def test_numbers_have_one_spelling():
    assert numbers("1,200 and 3,5 and 007 and .50") == {"1200", "3.5", "7", "0.5"}


def test_a_code_holds_no_value():
    assert values("QE16-A takes 4.2 L at 12V and .5 bar") == {"4.2", "12", "0.5"}


def test_quantities_have_one_spelling():
    assert quantities("35 N·m") == quantities("35Nm") == quantities("35 newton meters")
    assert quantities("35 N·m") != quantities("35 lb-ft")


def test_codes_are_not_quantities():
    assert codes("P0A-1F at 12V after the 5th of 225/65R17, 35Nm") == {"p0a1f", "22565r17"}


def test_a_model_that_ends_in_two_letters_is_a_code_and_a_number_with_a_word_is_none():
    assert content_terms("3002AC") == ("3002ac",)
    assert content_terms("3002AD") != content_terms("3002AC")
    assert content_terms("60-amp") == (
        "60",
        "amp",
    )
    assert codes("the 60-amp generator") == set()
    assert content_terms("12V") == ("12",)
