"""Telephone numbers by Google's numbering plans, without a word of context beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ragedge.datatypes import PersonalData
from ragedge.errors import ConfigError

# The plans take a stock number (four, two, three, four digits) for a telephone's.
_STOCK_NUMBER = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{3}-\d{4}(?!\d)")


def create(options: Mapping[str, Any]) -> PhoneNumbers:
    """Build the redactor.

    Options: ``region`` (two letters; numbers without a country are read by its plan; none by default, and then only
    those with a country are found), ``kinds`` (nothing is found where ``phone`` is not among them).

    Raises:
        ConfigError: an option is unknown, or the region is.
    """
    import phonenumbers

    unknown = set(options) - {"region", "kinds"}
    if unknown:
        raise ConfigError(
            f"redactor 'phone_numbers' has no option {sorted(unknown)[0]!r}; options: kinds, region",
            hint="see connectors/phone_numbers/README.md",
        )
    region = options.get("region")
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise ConfigError(
            f"redactor 'phone_numbers': region is {region!r}; two letters such as DE are wanted",
            hint="see connectors/phone_numbers/README.md",
        )
    return PhoneNumbers(region, wanted="phone" in options.get("kinds", ("phone",)))


class PhoneNumbers:
    """Finds telephone numbers that could be dialled.

    Args:
        region: Whose plan numbers without a country are read by; None leaves them.
        wanted: False finds nothing.
    """

    def __init__(self, region: str | None = None, *, wanted: bool = True) -> None:
        self._region, self._wanted = region, wanted

    def find(self, text: str, /) -> list[PersonalData]:
        """Return the numbers of a text, in order."""
        import phonenumbers

        if not self._wanted:
            return []
        stock = [match.span() for match in _STOCK_NUMBER.finditer(text)]
        matches = phonenumbers.PhoneNumberMatcher(text, self._region, phonenumbers.Leniency.VALID)
        return [
            PersonalData("phone", match.start, match.end)
            for match in matches
            if not any(a < match.end and match.start < b for a, b in stock)
        ]
