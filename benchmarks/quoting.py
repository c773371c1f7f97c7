"""How much is quoted: facts in the answer, its length, and the sentences that follow when all is said; by form.

    python benchmarks/quoting.py --data ../shared/data --work /tmp/ragedge-quoting

Development questions alone (those of fit_confidence.py), no generator, nothing withheld. ``after`` counts the
sentences behind the one with which the answer holds every fact, of answers that do. For the television manual, whose
answers an expert wrote, ROUGE-L stands beside that of the first passage.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from abstention import ingest
from fit_confidence import HERE, sets

import ragedge
from ragedge.generate.question import form_of
from ragedge.measure.answer_figures import holds, rouge_l


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of all data sets")
    parser.add_argument("--example", type=Path, default=HERE.parent / "examples" / "automotive_manual")
    parser.add_argument("--work", type=Path, required=True, help="folder for the knowledge bases")
    args = parser.parse_args()
    rows = []
    for name, folder, questions in sets(args.data, args.example):
        asked = [(kind, q) for kind, q in questions if kind != "xquad" and (q.get("facts") or kind == "tv")]
        settings: dict[str, Any] = {"generate.generator": "none", "generate.abstain_below": 0.0}
        with ragedge.open(ingest(folder, args.work / name), settings=settings) as kb:
            rows += [judge(kb, kind, item) for kind, item in asked]
    for form in sorted({row["form"] for row in rows}):
        print("\n".join(report(form, [row for row in rows if row["form"] == form])))
    print("\n".join(report("all", rows)))


def judge(kb: ragedge.KnowledgeBase, kind: str, item: dict[str, Any]) -> dict[str, Any]:
    """Ask one question and look at what is said, and when."""
    answer = kb.ask(item["question"])
    row: dict[str, Any] = {"form": form_of(item["question"]), "length": len(answer.text), "facts": None}
    if kind == "tv":
        first = answer.passages[0].text if answer.passages else ""
        row |= {"rouge": rouge_l(item["answer"], answer.text), "first": rouge_l(item["answer"], first)}
        return row
    row["facts"] = holds(item["facts"], answer.text)
    told = [s.text for s in answer.sentences]
    said = (n for n in range(1, len(told) + 1) if holds(item["facts"], "\n".join(told[:n])))
    row["after"] = len(told) - next(said, len(told)) if row["facts"] else None
    row["sentences"] = len(told)
    return row


def report(form: str, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the figures of one form."""
    asked = [row for row in rows if row["facts"] is not None]
    compared = [row for row in rows if "rouge" in row]
    if asked:
        after = [row["after"] for row in asked if row["after"] is not None]
        yield (
            f"{form}: {sum(row['facts'] for row in asked)} of {len(asked)} with every fact; "
            f"{statistics.mean(row['length'] for row in asked):.0f} characters, "
            f"{statistics.mean(row['sentences'] for row in asked):.1f} sentences, "
            f"{statistics.mean(after) if after else 0:.2f} after"
        )
    if compared:
        yield (
            f"{form}: ROUGE-L {statistics.mean(row['rouge'] for row in compared):.3f}, first passage "
            f"{statistics.mean(row['first'] for row in compared):.3f} ({len(compared)} questions)"
        )


if __name__ == "__main__":
    main()
