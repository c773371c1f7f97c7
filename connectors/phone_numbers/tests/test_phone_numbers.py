"""The redactor passes its contract; numbers are found by their country's plan."""

import pytest

from ragedge.errors import ConfigError
from ragedge.testing.redactor_contract import RedactorContract

pytest.importorskip("phonenumbers", reason="pip install -e connectors/phone_numbers")

from ragedge_phone_numbers import create


class TestPhoneNumbers(RedactorContract):
    def make_redactor(self):
        return create({})


def values(text, **options):
    return [text[data.start : data.end] for data in create(options).find(text)]


def test_numbers_with_a_country_are_found_and_others_by_the_regions_plan():
    text = "ring +44 20 7946 0018 or 030 901820, order 4711-0815"
    assert values(text) == ["+44 20 7946 0018"]
    assert values(text, region="DE") == ["+44 20 7946 0018", "030 901820"]
    assert values(text, kinds=["email"]) == []


@pytest.mark.parametrize("options", [{"region": "XX"}, {"country": "DE"}])
def test_what_is_not_known_is_refused(options):
    with pytest.raises(ConfigError, match="phone_numbers"):
        create(options)
