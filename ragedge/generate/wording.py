"""The few fixed sentences that answers hold, in each language."""

from __future__ import annotations

from ragedge.generate.question import Language

NOT_FOUND: dict[Language, str] = {
    "en": "The manual does not say.",
    "de": "Das steht nicht im Handbuch.",
    "ja": "マニュアルには記載がありません。",
}

YES: dict[Language, str] = {"en": "Yes.", "de": "Ja.", "ja": "はい。"}
NO: dict[Language, str] = {"en": "No.", "de": "Nein.", "ja": "いいえ。"}
SAYS: dict[Language, str] = {
    "en": "The manual says:",
    "de": "Im Handbuch steht:",
    "ja": "マニュアルの記載:",
}


def not_found(language: Language) -> str:
    """Return the one sentence of an answer that abstains."""
    return NOT_FOUND[language]
