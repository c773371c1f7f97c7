"""Does tuning help, recover and keep still; and how well made questions stand in for real ones.

    python benchmarks/tuning.py --sets tv_manual scifact example --trials 40

Each set is tuned on the first half of its questions and judged on the second, which tuning never sees:
from the defaults, and from spoiled settings. Then the same settings are tried on questions made from the
documents: how their scores rank beside those of real questions (Spearman), and what the settings chosen on
made questions gain on real ones.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import ragedge
from ragedge import plugins
from ragedge.config import Config
from ragedge.effective_config import load
from ragedge.knowledge_base import KnowledgeBase
from ragedge.measure.beir import build_corpus
from ragedge.measure.intervals import paired_difference
from ragedge.measure.questions import half_of, read_queries, read_questions
from ragedge.tune.made import made_questions
from ragedge.tune.questions import Asked, from_queries, from_questions
from ragedge.tune.remembering import RememberingEmbedder
from ragedge.tune.trial import run_trial
from ragedge.tune.tuning import Budget, tune

ROOT = Path(__file__).resolve().parents[1]
SPLITS = {"tv_manual": "dev", "cranfield": "dev", "scifact": "train"}
SPOILED = {"retrieve.text_weight": 0.1, "retrieve.dense_weight": 1.9, "retrieve.heading_weight": 0.1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="+", default=["tv_manual", "example"])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--most", type=int, default=1000, help="questions of each half")
    args = parser.parse_args()
    for name in args.sets:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "kb"
            first, second = take_in(name, args.data, path)
            first, second = first[: args.most], second[: args.most]
            for label, settings in (("defaults", {}), ("spoiled", SPOILED)):
                with ragedge.open(path, settings=settings) as kb:
                    report(f"{name}, from {label}", measure(kb, first, second, args.trials))
            with ragedge.open(path) as kb:
                report(f"{name}, made questions", stand_in(kb, [*first, *second], args.trials))


def take_in(name: str, data: Path, path: Path) -> tuple[list[Asked], list[Asked]]:
    """Make the knowledge base of a set; return the halves of its questions."""
    if name == "example":
        folder = ROOT / "examples" / "automotive_manual"
        with ragedge.open(path, create=True) as kb:
            kb.ingest(folder / "manual.pdf")
        asked = from_questions(read_questions(folder / "qa.jsonl"))
    else:
        config = Config()
        embedder = plugins.create("embedder", config.embed.embedder, {"model": config.embed.model})
        names = build_corpus(data / name, path, config, embedder)
        asked = from_queries(read_queries(data / name, SPLITS.get(name))[1], names)
    return half_of(asked, "first"), half_of(asked, "second")


def measure(kb: KnowledgeBase, first: list[Asked], second: list[Asked], trials: int) -> dict[str, Any]:
    """Tune on the first half; compare what is, the product's defaults and what was found on the second."""
    result = tune(kb, first, trials=trials, budget=Budget())
    asis = scores_of(kb, {}, second)
    found = scores_of(kb, result["settings"], second)
    gap = paired_difference(asis, found)
    return {
        "accepted": result["accepted"], "settings": result["settings"], "gain_estimated": result["gain"],
        "second_half": {"before": float(np.mean(asis)), "after": float(np.mean(found)),
                        "gain": [gap.value, gap.low, gap.high], "questions": gap.pairs},
    }  # fmt: skip


def stand_in(kb: KnowledgeBase, real: list[Asked], trials: int) -> dict[str, Any]:
    """Try the same settings on made and on real questions."""
    from scipy.stats import spearmanr

    made = from_questions(made_questions(kb), "made")
    result = tune(kb, made, trials=trials, budget=Budget())
    study = next(key for key in _studies(kb) if key != "result")
    done = kb.store.learned.trials(study)
    pairs = []
    for body in done.values():
        if len(body["scores"]) == len(made):
            pairs.append(
                (float(np.mean(body["scores"])), float(np.mean(scores_of(kb, body["changes"], real))))
            )
    rank = (
        spearmanr([a for a, _ in pairs], [b for _, b in pairs]).statistic if len(pairs) > 2 else float("nan")
    )
    before, after = scores_of(kb, {}, real), scores_of(kb, result["best_settings"], real)
    gap = paired_difference(before, after)
    return {
        "made": len(made), "accepted": result["accepted"], "gain_on_made": result["gain"],
        "settings_compared": len(pairs), "spearman": float(rank),
        "real_gain_of_best_on_made": [gap.value, gap.low, gap.high], "real": gap.pairs,
    }  # fmt: skip


def scores_of(kb: KnowledgeBase, changes: dict[str, Any], asked: list[Asked]) -> list[float]:
    """Return each question's score under changed settings, without giving up."""
    values = {key: item["value"] for key, item in kb.settings.as_dict().items()}
    effective = load(flags={k: v for k, v in {**values, **changes}.items() if v is not None})
    remembering = _REMEMBERING.setdefault(str(kb.path), RememberingEmbedder(kb.embedder))
    return list(run_trial(kb.beside(effective, lambda _: remembering), changes, asked, None).scores)


_REMEMBERING: dict[str, RememberingEmbedder] = {}


def _studies(kb: KnowledgeBase) -> list[str]:
    import sqlite3

    with sqlite3.connect(kb.path / "kb.sqlite") as connection:
        return [row[0] for row in connection.execute("SELECT DISTINCT study FROM trials")]


def report(title: str, figures: dict[str, Any]) -> None:
    print(title, json.dumps(figures, indent=2), flush=True)


if __name__ == "__main__":
    main()
