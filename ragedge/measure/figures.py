"""From what came of each question to figures with intervals, and to the difference of two measurements."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ragedge.errors import ConfigError, SourceError
from ragedge.measure.evaluation import PAGE_HITS, Evaluation, Judged
from ragedge.measure.intervals import Difference, bootstrap, paired_difference, wilson
from ragedge.measure.questions import read_lines
from ragedge.measure.ranking import RANKING_METRICS

# Shares of yes and no, which have an interval of their own; means; and one that is a total.
SHARES = (
    *(f"page_hit@{k}" for k in PAGE_HITS),
    "fact_recall", "facts_in_passages", "abstain_precision", "abstain_recall",
)  # fmt: skip
MEANS = (*RANKING_METRICS, "rouge_l")
TOTAL = "unsupported_numbers"
METRICS = (*RANKING_METRICS, *SHARES, "rouge_l", TOTAL)
# Measured of those that were answered with silence: who is measured differs between two settings.
_NOT_PAIRED = ("abstain_precision",)


def as_dict(evaluation: Evaluation) -> dict[str, Any]:
    """Return the JSON that ``ragedge eval --json`` prints."""
    judged = evaluation.judged
    kinds = sorted({item.type for item in judged if item.type})
    by_type = {kind: [item for item in judged if item.type == kind] for kind in kinds}
    times = [item.latency_ms for item in judged]
    return {
        "schema": 1,
        "dataset": evaluation.dataset,
        "split": evaluation.split,
        "queries": len(judged),
        "metrics": summary(judged),
        "by_type": {
            kind: {"queries": len(items), "metrics": summary(items)} for kind, items in by_type.items()
        },
        "latency_ms": {"p50": statistics.median(times), "p95": float(np.percentile(times, 95))},
        "config_digest": evaluation.config_digest,
    }


def summary(judged: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """Return each metric that any question has a say in: value, its 95% interval, and counts of shares."""
    metrics: dict[str, dict[str, float]] = {}
    for name in METRICS:
        values = [item.figures[name] for item in judged if name in item.figures]
        if values:
            metrics[name] = _figure(name, values)
    return metrics


def _figure(name: str, values: Sequence[float]) -> dict[str, float]:
    if name in SHARES:
        hits, count = round(sum(values)), len(values)
        low, high = wilson(hits, count)
        return {"value": hits / count, "low": low, "high": high, "hits": hits, "of": count}
    low, high = bootstrap(values)
    if name == TOTAL:
        return {"value": sum(values), "low": low * len(values), "high": high * len(values), "of": len(values)}
    return {"value": statistics.fmean(values), "low": low, "high": high, "of": len(values)}


def differences(first: Sequence[Judged], second: Sequence[Judged]) -> dict[str, Difference]:
    """Compare two measurements metric by metric, over the questions that both have.

    Raises:
        ConfigError: they have no question in common.
    """
    other = {item.id: item.figures for item in second}
    pairs = [(item.figures, other[item.id]) for item in first if item.id in other]
    if not pairs:
        raise ConfigError("the two measurements have no question in common", hint="compare runs of one set")
    found: dict[str, Difference] = {}
    for name in METRICS:
        both = [(a[name], b[name]) for a, b in pairs if name in a and name in b]
        if both and name not in _NOT_PAIRED:
            found[name] = paired_difference([a for a, _ in both], [b for _, b in both])
    return found


def write_per_query(path: Path, judged: Sequence[Judged]) -> None:
    """Write what came of each question, one JSON object a line: ids and figures, no text."""
    lines = [
        json.dumps(
            {"id": i.id, "type": i.type, "metrics": dict(i.figures), "latency_ms": round(i.latency_ms, 3)}
        )
        for i in judged
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_per_query(path: Path) -> list[Judged]:
    """Read what ``write_per_query`` wrote.

    Raises:
        SourceError: a line is not what is expected.
    """
    judged = []
    for number, entry in read_lines(path, "id"):
        metrics = entry.get("metrics")
        try:
            assert isinstance(metrics, dict)
            figures = {str(name): float(value) for name, value in metrics.items()}
            judged.append(
                Judged(
                    str(entry["id"]), str(entry.get("type", "")), figures, float(entry.get("latency_ms", 0))
                )
            )
        except (AssertionError, TypeError, ValueError) as exc:
            raise SourceError(
                "damaged",
                f"{path}, line {number}: expected what eval --per-query writes",
                hint="ragedge eval PATH --per-query FILE",
            ) from exc
    return judged


def differences_as_dict(found: dict[str, Difference]) -> dict[str, dict[str, float]]:
    """Return differences as JSON objects."""
    return {name: asdict(difference) for name, difference in found.items()}
