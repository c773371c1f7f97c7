"""Figures of rankings, computed by trec_eval through ir_measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ragedge.extras import require

RANKING_METRICS = ("ndcg@10", "recall@10", "mrr@10")


def ranking_figures(
    relevant: Mapping[str, Mapping[str, int]], ranked: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Judge rankings.

    Args:
        relevant: For each query, the grade of each relevant document.
        ranked: For each query, documents, best first; a query that is missing found nothing.

    Returns:
        For each judged query, each of ``RANKING_METRICS``, 0 to 1.

    Raises:
        MissingExtraError: the extra ``eval`` is not installed.
    """
    require("eval", "ir_measures", "pytrec_eval")
    import ir_measures
    from ir_measures import RR, R, nDCG

    names = {str(nDCG @ 10): "ndcg@10", str(R @ 10): "recall@10", str(RR @ 10): "mrr@10"}
    # trec_eval breaks ties by name: the score is the place, counted from the end.
    run = {
        query: {name: float(len(documents) - place) for place, name in enumerate(documents)}
        for query, documents in ranked.items()
    }
    figures = {query: dict.fromkeys(RANKING_METRICS, 0.0) for query in relevant}
    judged = {query: dict(grades) for query, grades in relevant.items()}
    for found in ir_measures.iter_calc([nDCG @ 10, R @ 10, RR @ 10], judged, run):
        figures[found.query_id][names[str(found.measure)]] = float(found.value)
    return figures


def write_run(path: Path, ranked: Mapping[str, Sequence[tuple[str, float]]], tag: str) -> None:
    """Write rankings, a query's documents best first with their scores, as trec_eval reads them.

    trec_eval orders by score, so a score is lowered where folding chunks into documents left it out of order.
    """
    lines = []
    for query, documents in ranked.items():
        ceiling = float("inf")
        for place, (name, score) in enumerate(documents, 1):
            ceiling = min(score, ceiling - 1e-6)
            lines.append(f"{query} Q0 {name} {place} {ceiling:.6f} {tag}\n")
    path.write_text("".join(lines), encoding="utf-8")
