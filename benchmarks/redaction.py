"""How much personal data is found, by kind, and how many part numbers of manuals are taken for it.

    python benchmarks/redaction.py --sentences ../shared/data/pii/presidio.jsonl --half held-out
    python benchmarks/redaction.py --generated
    python benchmarks/redaction.py --manuals ../shared/data/army_manuals

Sentences: JSON lines with `full_text` and `spans`; the first half of the file is for development, the second is held
out. E-mail, IBAN, card and IP count where both ends agree; addresses, telephones and names where a find and a mark
overlap by half of both. ``taken_out`` counts the marked of which half or more is covered by any find: the set marks
some addresses in pieces, all of which one find covers. Generated: vehicle numbers and licence plates of this script's
own (seeded), among codes that look like them. Manuals: stock numbers and part numbers of PDFs that are touched, each
of them listed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from pathlib import Path

from ragedge.config import IngestConfig
from ragedge.ingest.parser_process import CounterSpec, Parser
from ragedge.privacy.redaction.check_digits import is_vin
from ragedge.privacy.redaction.patterns import PatternRedactor

KINDS = {"EMAIL_ADDRESS": "email", "IBAN_CODE": "iban", "CREDIT_CARD": "card", "IP_ADDRESS": "ip",
         "PHONE_NUMBER": "phone", "STREET_ADDRESS": "address", "PERSON": "name"}  # fmt: skip
EXACT = ("email", "iban", "card", "ip", "vin", "plate")
# A stock number, or five characters and more with three digits; telephone numbers of seven or ten digits are none.
_NUMBER = re.compile(
    r"\b\d{4}-\d{2}-\d{3}-\d{4}\b|\b(?!\d{3}-\d{4}\b|\d{3}[-.]\d{3}[-.]\d{4}\b)(?=[A-Z0-9-]*\d{3})(?=[A-Z0-9-]{5})[A-Z]{0,4}\d[A-Z0-9]*"
    r"(?:-[A-Z0-9]+)*\b"
)
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXY"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--half", choices=("development", "held-out"), default="development")
    parser.add_argument(
        "--missed", action="store_true", help="print what was missed (of the development half)"
    )
    parser.add_argument("--generated", action="store_true")
    parser.add_argument("--manuals", type=Path)
    options = parser.parse_args()
    if options.sentences:
        rows = [json.loads(line) for line in options.sentences.read_text(encoding="utf-8").splitlines()]
        middle = len(rows) // 2
        rows = rows[:middle] if options.half == "development" else rows[middle:]
        marked = [
            (row["full_text"], [(KINDS[s["entity_type"]], s["start_position"], s["end_position"])
                                for s in row["spans"] if s["entity_type"] in KINDS])
            for row in rows
        ]  # fmt: skip
        show = options.missed and options.half == "development"
        print(
            json.dumps({"sentences": len(rows), "half": options.half} | scores(marked, show=show), indent=1)
        )
    if options.generated:
        print(json.dumps(scores(generated(400, seed=3)), indent=1))
    if options.manuals:
        print(json.dumps(touched(options.manuals), indent=1))


def scores(
    marked: list[tuple[str, list[tuple[str, int, int]]]], *, show: bool = False
) -> dict[str, dict[str, float]]:
    """Return counts, precision, recall and F1 by kind, for the kinds that are marked."""
    right: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    found_all: Counter[str] = Counter()
    wanted_all: Counter[str] = Counter()
    redactor = PatternRedactor()
    for text, wanted in marked:
        found = [(data.kind, data.start, data.end) for data in redactor.find(text)]
        found_all.update(kind for kind, _, _ in found)
        wanted_all.update(kind for kind, _, _ in wanted)
        taken = {at for _, start, end in found for at in range(start, end)}
        for one in wanted:
            covered[one[0]] += 2 * len(taken.intersection(range(one[1], one[2]))) >= one[2] - one[1]
            match = next((other for other in found if agree(one, other)), None)
            if match is not None:
                found.remove(match)
                right[one[0]] += 1
            elif show:
                print("missed", one[0], repr(text[one[1] : one[2]]), repr(text[max(0, one[1] - 30) : one[1]]))
        if show:
            for kind, start, end in found:
                print("wrong ", kind, repr(text[start:end]), repr(text[max(0, start - 30) : start]))
    return {
        kind: {
            "marked": wanted_all[kind], "found": found_all[kind], "right": right[kind],
            "taken_out": covered[kind],
            "precision": round(right[kind] / max(1, found_all[kind]), 3),
            "recall": round(right[kind] / max(1, wanted_all[kind]), 3),
            "f1": round(2 * right[kind] / max(1, wanted_all[kind] + found_all[kind]), 3),
        }
        for kind in sorted(wanted_all)
    }  # fmt: skip


def agree(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    """Whether two spans of one kind are of the same thing."""
    if one[0] != other[0]:
        return False
    if one[0] in EXACT:
        return one == other
    shared = min(one[2], other[2]) - max(one[1], other[1])
    return 2 * shared >= one[2] - one[1] and 2 * shared >= other[2] - other[1]


def generated(count: int, seed: int) -> list[tuple[str, list[tuple[str, int, int]]]]:
    """Return texts with vehicle numbers and plates, and texts with codes that look like them."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        kind, value, text = _sentence(chance, number)
        at = text.index("{}")
        rows.append((text.replace("{}", value), [(kind, at, at + len(value))] if kind else []))
    return rows


def _sentence(chance: random.Random, number: int) -> tuple[str, str, str]:
    pick = chance.choice
    case = number % 8
    if case in (0, 1):
        return (
            "vin",
            vin(chance),
            pick(("The car {} was towed.", "Enter {} in field 4.", "VIN: {}", "for {}, see page 3")),
        )
    if case == 2:  # made for Europe: no check digit, but said to be one
        return (
            "vin",
            vin(chance, checked=False),
            pick(("VIN {}", "Fahrgestellnummer: {}", "the chassis number {} is stamped")),
        )
    if case in (3, 4, 5):
        return "plate", plate(chance), pick(
            ("The licence plate is {}.", "Kennzeichen: {}", "registration number {} was noted", "Number plate {}, blue",
             "ナンバー {}", "License plate {} was seen", "Reg: {}")
        )  # fmt: skip
    code = vin(chance, checked=False)
    if case == 6 and not is_vin(code):
        return (
            "",
            code,
            pick(("Order the seal {}.", "Software {} is installed.", "Fuse box {} has 12 places.")),
        )
    parts = "".join(pick(_LETTERS) for _ in range(2)) + f"{chance.randrange(100, 9999)}" + pick(_LETTERS)
    return "", parts, pick(("Replace the filter {}.", "Part {} is torqued to 12 N·m.", "See drawing {}."))


def vin(chance: random.Random, *, checked: bool = True) -> str:
    """Return a vehicle's number; its last five are digits, as makers of many vehicles have them."""
    while True:
        text = "".join(chance.choice(_VIN_LETTERS) for _ in range(12)) + f"{chance.randrange(100000):05}"
        if not any(c.isalpha() for c in text[:8]):
            continue
        if not checked:
            return text
        for digit in "0123456789X":
            found = text[:8] + digit + text[9:]
            if is_vin(found):
                return found


def plate(chance: random.Random) -> str:
    """Return a plate of one of six countries."""

    def some(count: int) -> str:
        return "".join(chance.choice(_LETTERS) for _ in range(count))

    number = chance.randrange(10000)
    forms = (
        f"{some(chance.randint(1, 3))}-{some(chance.randint(1, 2))} {chance.randint(1, 9999)}",
        f"{some(2)}{number % 100:02} {some(3)}",
        f"{some(3)}-{number:04}",
        f"{chance.randint(1, 9)}{some(3)}{number % 1000:03}",
        f"{some(2)}-{number % 1000:03}-{some(2)}",
        f"{chance.choice(('品川', '横浜', '名古屋', '札幌'))} {chance.randint(300, 599)} "
        f"{chance.choice('あいうえかきくけ')} {number // 100:02}-{number % 100:02}",
    )  # fmt: skip
    return chance.choice(forms)


def touched(folder: Path) -> dict[str, object]:
    """Return how many stock and part numbers of a folder's PDFs are redacted, and which."""
    redactor = PatternRedactor()
    numbers, hit, kinds = 0, [], Counter[str]()
    with Parser(IngestConfig(timeout_s=600), CounterSpec("ragedge.testing.word_counter:create")) as parser:
        for path in sorted(folder.glob("*.pdf")):
            for page in parser.parse(path.name, path.read_bytes()).document.pages:
                found = redactor.find(page.text)
                kinds.update(data.kind for data in found)
                for match in _NUMBER.finditer(page.text):
                    numbers += 1
                    for data in found:
                        if data.start < match.end() and match.start() < data.end:
                            hit.append([path.name, page.number, data.kind, page.text[data.start : data.end]])
    return {"numbers": numbers, "touched": len(hit), "per_1000": round(1000 * len(hit) / max(1, numbers), 3),
            "redacted_by_kind": dict(kinds), "listed": hit}  # fmt: skip


if __name__ == "__main__":
    main()
