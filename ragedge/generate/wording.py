"""The few fixed sentences that answers hold, in each language."""

from __future__ import annotations

from ragedge.generate.question import Language

NOT_FOUND: dict[Language, str] = {
    "en": "The manual does not say.",
    "de": "Das steht nicht im Handbuch.",
    "ja": "マニュアルには記載がありません。",
}


def not_found(language: Language) -> str:
    """Return the one sentence of an answer that abstains."""
    return NOT_FOUND[language]
