"""Check digits: what tells a number of a kind from digits that look like one."""

from __future__ import annotations

import ipaddress

# First digits and lengths of issuers (ISO/IEC 7812-1; the ranges as the networks publish them).
_ISSUERS: tuple[tuple[int, int, tuple[int, ...]], ...] = (
    (4, 4, (13, 16, 19)),  # Visa
    (51, 55, (16,)), (2221, 2720, (16,)),  # Mastercard
    (34, 34, (15,)), (37, 37, (15,)),  # American Express
    (300, 305, (14, 16)), (36, 36, (14,)), (38, 39, (14, 16)),  # Diners Club
    (6011, 6011, (16, 19)), (644, 649, (16, 19)), (65, 65, (16, 19)),  # Discover
    (3528, 3589, (16, 19)), (1800, 1800, (15,)), (2131, 2131, (15,)),  # JCB
    (50, 50, tuple(range(12, 20))), (56, 58, tuple(range(12, 20))), (60, 63, tuple(range(12, 20))),
    (67, 69, tuple(range(12, 20))),  # Maestro
    (62, 62, (16, 17, 18, 19)),  # UnionPay
)  # fmt: skip
_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)
) | {str(digit): digit for digit in range(10)}  # fmt: skip
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
# Lengths of an IBAN by country (SWIFT IBAN registry); others are taken at any length that ISO 13616 allows.
_IBAN_LENGTHS = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18,
    "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SA": 24, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "TR": 26,
}  # fmt: skip


def is_card(digits: str) -> bool:
    """Whether digits are a payment card's: an issuer's range and length, and Luhn's digit (ISO/IEC 7812-1, B)."""
    return _is_issued(digits) and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is Luhn's."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def _is_issued(digits: str) -> bool:
    return any(
        low <= int(digits[: len(str(low))]) <= high and len(digits) in lengths
        for low, high, lengths in _ISSUERS
    )


def is_iban(text: str) -> bool:
    """Whether a text without spaces is an IBAN: country, length, and remainder 1 by 97 (ISO 13616, ISO 7064)."""
    text = text.upper()
    if len(text) != _IBAN_LENGTHS.get(text[:2], len(text)) or not 15 <= len(text) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def is_vin(text: str) -> bool:
    """Whether 17 characters are a vehicle's number with its check digit at place 9 (49 CFR 565.15)."""
    total = sum(_VIN_VALUES[c] * weight for c, weight in zip(text, _VIN_WEIGHTS, strict=True))
    return text[8] == "0123456789X"[total % 11]


def is_ip(text: str) -> bool:
    """Whether a text is an address of the Internet Protocol, version 4 or 6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
