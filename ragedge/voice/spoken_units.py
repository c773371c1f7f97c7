"""How units are said: symbol to words, for one and for several."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "de", "ja"]

# symbol: English (one, several), German (one, several), Japanese. A symbol is what stands after a number.
_UNITS: dict[str, tuple[tuple[str, str], tuple[str, str], str]] = {
    "N·m": (("newton metre", "newton metres"), ("Newtonmeter", "Newtonmeter"), "ニュートンメートル"),
    "lb-ft": (("pound foot", "pound feet"), ("Pound-Foot", "Pound-Foot"), "ポンドフィート"),
    "lb-in": (("pound inch", "pound inches"), ("Pound-Inch", "Pound-Inch"), "ポンドインチ"),
    "mm": (("millimetre", "millimetres"), ("Millimeter", "Millimeter"), "ミリメートル"),
    "cm": (("centimetre", "centimetres"), ("Zentimeter", "Zentimeter"), "センチメートル"),
    "m": (("metre", "metres"), ("Meter", "Meter"), "メートル"),
    "km": (("kilometre", "kilometres"), ("Kilometer", "Kilometer"), "キロメートル"),
    "µm": (("micrometre", "micrometres"), ("Mikrometer", "Mikrometer"), "マイクロメートル"),
    "in": (("inch", "inches"), ("Zoll", "Zoll"), "インチ"),
    "ft": (("foot", "feet"), ("Fuß", "Fuß"), "フィート"),
    "mi": (("mile", "miles"), ("Meile", "Meilen"), "マイル"),
    "cm³": (("cubic centimetre", "cubic centimetres"), ("Kubikzentimeter", "Kubikzentimeter"), "立方センチメートル"),
    "L": (("litre", "litres"), ("Liter", "Liter"), "リットル"),
    "ml": (("millilitre", "millilitres"), ("Milliliter", "Milliliter"), "ミリリットル"),
    "gal": (("gallon", "gallons"), ("Gallone", "Gallonen"), "ガロン"),
    "qt": (("quart", "quarts"), ("Quart", "Quart"), "クォート"),
    "g": (("gram", "grams"), ("Gramm", "Gramm"), "グラム"),
    "kg": (("kilogram", "kilograms"), ("Kilogramm", "Kilogramm"), "キログラム"),
    "lb": (("pound", "pounds"), ("Pfund", "Pfund"), "ポンド"),
    "oz": (("ounce", "ounces"), ("Unze", "Unzen"), "オンス"),
    "V": (("volt", "volts"), ("Volt", "Volt"), "ボルト"),
    "mV": (("millivolt", "millivolts"), ("Millivolt", "Millivolt"), "ミリボルト"),
    "A": (("amp", "amps"), ("Ampere", "Ampere"), "アンペア"),
    "mA": (("milliamp", "milliamps"), ("Milliampere", "Milliampere"), "ミリアンペア"),
    "Ah": (("amp hour", "amp hours"), ("Amperestunde", "Amperestunden"), "アンペア時"),
    "W": (("watt", "watts"), ("Watt", "Watt"), "ワット"),
    "kW": (("kilowatt", "kilowatts"), ("Kilowatt", "Kilowatt"), "キロワット"),
    "kWh": (("kilowatt hour", "kilowatt hours"), ("Kilowattstunde", "Kilowattstunden"), "キロワット時"),
    "Ω": (("ohm", "ohms"), ("Ohm", "Ohm"), "オーム"),
    "kΩ": (("kilohm", "kilohms"), ("Kiloohm", "Kiloohm"), "キロオーム"),
    "Hz": (("hertz", "hertz"), ("Hertz", "Hertz"), "ヘルツ"),
    "kHz": (("kilohertz", "kilohertz"), ("Kilohertz", "Kilohertz"), "キロヘルツ"),
    "Pa": (("pascal", "pascals"), ("Pascal", "Pascal"), "パスカル"),
    "kPa": (("kilopascal", "kilopascals"), ("Kilopascal", "Kilopascal"), "キロパスカル"),
    "MPa": (("megapascal", "megapascals"), ("Megapascal", "Megapascal"), "メガパスカル"),
    "bar": (("bar", "bar"), ("Bar", "Bar"), "バール"),
    "psi": (("P S I", "P S I"), ("P S I", "P S I"), "ピーエスアイ"),
    "°C": (("degree Celsius", "degrees Celsius"), ("Grad Celsius", "Grad Celsius"), "度"),
    "°F": (("degree Fahrenheit", "degrees Fahrenheit"), ("Grad Fahrenheit", "Grad Fahrenheit"), "華氏度"),
    "°": (("degree", "degrees"), ("Grad", "Grad"), "度"),
    "%": (("percent", "percent"), ("Prozent", "Prozent"), "パーセント"),
    "km/h": (
        ("kilometre per hour", "kilometres per hour"),
        ("Kilometer pro Stunde", "Kilometer pro Stunde"),
        "キロメートル毎時",
    ),
    "mph": (("mile per hour", "miles per hour"), ("Meile pro Stunde", "Meilen pro Stunde"), "マイル毎時"),
    "rpm": (("R P M", "R P M"), ("Umdrehung pro Minute", "Umdrehungen pro Minute"), "回転毎分"),
    "dB": (("decibel", "decibels"), ("Dezibel", "Dezibel"), "デシベル"),
    "s": (("second", "seconds"), ("Sekunde", "Sekunden"), "秒"),
    "ms": (("millisecond", "milliseconds"), ("Millisekunde", "Millisekunden"), "ミリ秒"),
    "min": (("minute", "minutes"), ("Minute", "Minuten"), "分"),
    "h": (("hour", "hours"), ("Stunde", "Stunden"), "時間"),
}  # fmt: skip
_OTHER_SPELLINGS = {
    "Nm": "N·m", "N⋅m": "N·m", "N.m": "N·m", "N-m": "N·m", "N m": "N·m", "lb·ft": "lb-ft", "lbf·ft": "lb-ft",
    "lbf ft": "lb-ft", "ft-lb": "lb-ft", "ft·lb": "lb-ft", "ft-lbs": "lb-ft", "lb ft": "lb-ft", "lb·in": "lb-in",
    "in-lb": "lb-in", "in-lbs": "lb-in", "l": "L", "mL": "ml", "lbs": "lb", "μm": "µm", "cc": "cm³", "cm3": "cm³",
    "Ω": "Ω", "kΩ": "kΩ", "ohm": "Ω", "degC": "°C", "℃": "°C", "° C": "°C", "℉": "°F", "° F": "°F", "％": "%",
    "kph": "km/h", "r/min": "rpm", "min⁻¹": "rpm", "sec": "s", "hr": "h", "hrs": "h", "mins": "min",
}  # fmt: skip

# Longest first, so that km/h is not read as km.
SYMBOLS = sorted({*_UNITS, *_OTHER_SPELLINGS}, key=len, reverse=True)


def unit_words(symbol: str, language: Language, *, one: bool) -> str:
    """Return how a unit is said after a number."""
    english, german, japanese = _UNITS[_OTHER_SPELLINGS.get(symbol, symbol)]
    if language == "ja":
        return japanese
    return (english if language == "en" else german)[0 if one else 1]
