from hypothesis import given
from hypothesis import strategies as st

from ragedge.generate.stop_strings import StopStrings


def let_through(pieces, stops):
    """Return the whole text and whether a stop string was met."""
    filter_ = StopStrings(stops)
    text = "".join(filter_.push(piece) for piece in pieces)
    return text + filter_.flush(), filter_.stopped


def test_without_stops_everything_passes_at_once():
    assert StopStrings(()).push("any text") == "any text"


def test_a_stop_inside_a_piece():
    assert let_through(["one\n\ntwo"], ["\n\n"]) == ("one", True)


def test_a_stop_over_three_pieces():
    filter_ = StopStrings(["END!"])
    assert [filter_.push(piece) for piece in ("text E", "ND", "! more")] == ["text ", "", ""]
    assert filter_.stopped
    assert filter_.push("later") == ""
    assert filter_.flush() == ""


def test_a_beginning_that_comes_to_nothing_is_let_go():
    filter_ = StopStrings(["END!"])
    assert [filter_.push(piece) for piece in ("EN", "DING", "EN")] == ["", "ENDING", ""]
    assert filter_.flush() == "EN"
    assert not filter_.stopped


def test_the_first_of_several_ends_it():
    assert let_through(["a b c"], ["c", "b"]) == ("a ", True)


def test_a_stop_that_repeats_its_beginning():
    assert let_through(["a", "a", "a", "b", "x"], ["aab"]) == ("a", True)


@given(
    st.lists(st.text("ab\n", max_size=4), max_size=12),
    st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3),
)
def test_pieces_do_not_matter(pieces, stops):
    whole = "".join(pieces)
    # The earliest end of a stop string decides while text streams in; its earliest start is the cut.
    expected, met = whole, False
    for end in range(len(whole) + 1):
        starts = [whole[:end].find(stop) for stop in stops if stop in whole[:end]]
        if starts:
            expected, met = whole[: min(starts)], True
            break
    one_by_one = let_through(list(whole), stops)
    assert one_by_one == (expected, met)
    text, stopped = let_through(pieces, stops)
    assert stopped == met
    if not met:
        assert text == whole
    else:
        assert not any(stop in text for stop in stops)
