"""Reads what a measurement asks: a BEIR folder, or questions with the pages and facts of their answers."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ragedge.errors import ConfigError, SourceError

Half = Literal["first", "second"]
_HINT = "docs/evaluation.md shows what the files hold"
Judgements = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer stands: a document, and any of these pages of it (none: anywhere in it)."""

    source: str
    pages: frozenset[int] = frozenset()

    def holds(self, source: str, page: int | None) -> bool:
        """Whether a hit is there."""
        return source == self.source and (not self.pages or page in self.pages)


@dataclass(frozen=True, slots=True)
class Question:
    """One line of ``qa.jsonl``.

    Attributes:
        id: Its name, or its line's number.
        text: What is asked.
        type: Of what kind it is; may be empty.
        answerable: The documents hold an answer.
        answers: Right answers in an expert's words; may be empty.
        facts: Strings that a right answer holds; may be empty.
        places: Where the answer stands; any is right; may be empty.
    """

    id: str
    text: str
    type: str = ""
    answerable: bool = True
    answers: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a BEIR folder, with the grade of each relevant document."""

    id: str
    text: str
    type: str
    relevant: Mapping[str, int]


def read_questions(path: Path) -> list[Question]:
    """Read a ``qa.jsonl``.

    Raises:
        SourceError: a line is not what is expected; the message names it.
    """
    return [_question(path, number, entry) for number, entry in read_lines(path, "question")]


def read_queries(folder: Path, split: str | None = None) -> tuple[str, list[Query]]:
    """Read the queries of a BEIR folder that one split judges, in the file's order.

    Args:
        folder: Holds ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/<split>.tsv``.
        split: Which; None takes the only one there is.

    Returns:
        The split's name, and its queries.

    Raises:
        ConfigError: no such split, or several and none named.
        SourceError: a file is missing or not what is expected.
    """
    known = sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
    if split is None and len(known) == 1:
        split = known[0]
    if split is None or split not in known:
        asked = f"no split {split!r}" if split else "several splits"
        raise ConfigError(
            f"{folder}: {asked}; known: {', '.join(known) or 'none'}", hint="name one with --split"
        )
    judged = _judgements(folder / "qrels" / f"{split}.tsv")
    return split, [
        Query(str(entry["_id"]), entry["text"], _text(entry, "type"), judged[str(entry["_id"])])
        for _, entry in read_lines(folder / "queries.jsonl", "_id", "text")
        if str(entry["_id"]) in judged
    ]


def half_of(items: Sequence[Any], half: Half | None) -> list[Any]:
    """Return the first or second half by order; all for None."""
    middle = len(items) // 2
    return list(items[:middle] if half == "first" else items[middle:] if half == "second" else items)


def read_lines(path: Path, *needed: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each non-empty line of a JSON-lines file with its number.

    Raises:
        SourceError: the file cannot be read, or a line is no object with the text keys needed.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _entry(path, number, line, needed)
    except FileNotFoundError as exc:
        raise SourceError("not_found", f"there is no {path}", hint=_HINT) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceError("damaged", f"{path} cannot be read as UTF-8 text", hint=_HINT) from exc


def _entry(path: Path, number: int, line: str, needed: Sequence[str]) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str | int) for key in needed):
        wanted = " and ".join(map(repr, needed)) or "any keys"
        raise SourceError(
            "damaged", f"{path}, line {number}: expected a JSON object with {wanted}", hint=_HINT
        )
    return entry


def _question(path: Path, number: int, entry: Mapping[str, Any]) -> Question:
    try:
        answer = entry.get("answer")
        answers = tuple(map(str, entry.get("answers") or ([answer] if answer else [])))
        places = [entry] if entry.get("source") else []
        # A list of {source, pages}; other sets use the same key for plain words.
        places += [other for other in entry.get("also", ()) if isinstance(other, Mapping)]
        return Question(
            str(entry.get("id", number)),
            str(entry["question"]),
            _text(entry, "type"),
            bool(entry.get("answerable", True)),
            answers,
            tuple(map(str, entry.get("facts") or ())),
            tuple(Place(str(p["source"]), frozenset(map(int, p.get("pages") or ()))) for p in places),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise SourceError(
            "damaged",
            f"{path}, line {number}: facts and answers are lists of text, pages of whole numbers",
            hint=_HINT,
        ) from exc


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _judgements(path: Path) -> Judgements:
    judged: Judgements = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file, delimiter="\t"), 2):
            try:
                query, document, grade = row["query-id"], row["corpus-id"], int(float(row["score"]))
            except (KeyError, TypeError, ValueError) as exc:
                expected = "query-id, corpus-id and score, separated by tabs"
                raise SourceError(
                    "damaged", f"{path}, line {number}: expected {expected}", hint=_HINT
                ) from exc
            if grade > 0:
                judged.setdefault(query, {})[document] = grade
    return judged
