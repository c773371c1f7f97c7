import pytest

from ragedge.generate.subject import is_swapped, speaks_of
from ragedge.generate.terms import content_terms


def weights(question):
    return dict.fromkeys(content_terms(question), 1.0)


def test_a_step_that_mentions_the_thing_on_the_way_is_not_about_it():
    steps = ["1. Drive until the coolant is warm.", "2. Pull the dipstick."]
    assert not speaks_of(weights("How do I check the coolant level?"), ["8.2 Checking the oil level"], steps)
    assert speaks_of(weights("How do I check the oil level?"), ["8.2 Checking the oil level"], steps)


def test_a_title_of_the_same_root_is_about_it():
    asked = weights("How do I check the coolant level?")
    assert speaks_of(asked, ["9 Cooling", "9.2 Checking the levels"], [])


def test_a_step_that_does_what_is_asked_is_about_it_under_any_title():
    asked = weights("How do I take out the woodruff key?")
    assert speaks_of(asked, ["2-7. FAN AND HUB ASSEMBLY"], ["3. Take out woodruff key (5)."])
    assert not speaks_of(asked, ["2-7. FAN AND HUB ASSEMBLY"], ["3. Slide the hub on with the woodruff key."])


@pytest.mark.parametrize(
    ("asked", "title", "swapped"),
    [
        ("check the coolant level", "Checking the oil level", True),
        ("change the brake fluid", "Transaxle fluid, changing", True),
        ("check the coolant level", "Checking the levels", False),
        ("replace the front pads", "Replacing front pads", False),
        ("remove the bearing", "Removal of the drive end bell", False),
    ],
)
def test_a_title_that_puts_another_thing_in_its_place(asked, title, swapped):
    assert is_swapped(content_terms(asked), content_terms(title)) is swapped
