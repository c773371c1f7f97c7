"""Other names of what a question names, from the user's dictionary."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragedge.errors import ConfigError

_SEPARATOR = ","


def check_synonyms(groups: Sequence[str]) -> None:
    """Refuse a dictionary that says nothing.

    Raises:
        ConfigError: a group has fewer than two names.
    """
    for group in groups:
        if len(_names(group)) < 2:
            raise ConfigError(
                f"retrieve.synonyms: {group!r} is one name; a group has at least two, separated by commas",
                hint='for example: synonyms = ["tyre, tire", "HMMWV, Humvee"]',
            )


def with_synonyms(question: str, groups: Sequence[str]) -> str:
    """Return the question followed by the other names of what it names.

    Args:
        question: From ``clean_question``.
        groups: Names of one thing each, separated by commas; letter case and plural s do not matter.
    """
    others: list[str] = []
    for group in groups:
        names = _names(group)
        if any(_mentions(question, name) for name in names):
            others += [name for name in names if not _mentions(question, name)]
    return " ".join([question, *dict.fromkeys(others)])


def _names(group: str) -> list[str]:
    return [name for part in group.split(_SEPARATOR) if (name := " ".join(part.split()))]


def _mentions(question: str, name: str) -> bool:
    ending = "s?" if name.isascii() else ""
    before, after = (r"(?<!\w)", r"(?!\w)") if name.isascii() else ("", "")
    return re.search(f"{before}{re.escape(name)}{ending}{after}", question, re.IGNORECASE) is not None
