"""Numbers, units and codes as people say them."""

from __future__ import annotations

import pytest

from ragedge.voice.spoken_text import spoken

ENGLISH = {
    "Tighten to 12 N·m (9 lb-ft).": "Tighten to twelve newton metres (nine pound feet).",
    "The drain plug takes 1 L.": "The drain plug takes one litre.",
    "Code P0A1F is stored.": "Code P zero A one F is stored.",
    "a 1/2-13 bolt": "a one half thirteen bolt",
    'a 3/8" drive': "a three eighths inch drive",
    "1 1/4 in": "one and one quarter inches",
    "10–12 N·m": "ten to twelve newton metres",
    "every 10,000 km": "every ten thousand kilometres",
    "1.7 litres of 5W-30": "one point seven litres of five W thirty",
    "-40 °C to 85 °C": "minus forty degrees Celsius to eighty-five degrees Celsius",
    "±0.5 mm": "plus or minus zero point five millimetres",
    "fuse F12, 15 A": "fuse F twelve, fifteen amps",
    "a 12V battery": "a twelve volts battery",
    "M10x1.5": "M ten by one point five",
    "| Drain plug | 35 N·m |": "Drain plug, thirty-five newton metres",
    "see section 4.12.3 [1]": "see section 4.12.3",
    "part QS-904-1201": "part Q S nine zero four one two zero one",
    "2.4 bar at 100 km/h": "two point four bar at one hundred kilometres per hour",
    "≥ 5 V": "at least five volts",
    "No number at all.": "No number at all.",
    "": "",
}
GERMAN = {
    "Anzugsmoment 12,5 N·m": "Anzugsmoment zwölf Komma fünf Newtonmeter",
    "alle 10.000 km": "alle zehntausend Kilometer",
    "1 L Öl": "ein Liter Öl",
    "Sicherung F12, 15 A": "Sicherung F zwölf, fünfzehn Ampere",
    "3 bis 5 mm": "drei bis fünf Millimeter",
    "Code P0A1F": "Code P null A eins F",
}
JAPANESE = {
    "締め付けトルクは12 N·mです": "締め付けトルクは十二ニュートンメートルです",
    "1.5 Lのオイル": "一点五リットルのオイル",
    "3/8 in": "八分の三 インチ",
}


@pytest.mark.parametrize(("written", "said"), ENGLISH.items())
def test_english(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(("written", "said"), GERMAN.items())
def test_german(written: str, said: str) -> None:
    assert spoken(written, "de") == said


@pytest.mark.parametrize(("written", "said"), JAPANESE.items())
def test_japanese(written: str, said: str) -> None:
    assert spoken(written, "ja") == said


@pytest.mark.parametrize("odd", ["9" * 40, "1/0", "1.2.3.4", "٣ N·m", "--", "12 12 12", "½ in", "3×4", "1e9"])
def test_odd_text_is_said_somehow(odd: str) -> None:
    for language in ("en", "de", "ja"):
        assert isinstance(spoken(odd, language), str)
