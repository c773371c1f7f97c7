"""Public call forms as an application writes them; type-checked, never run."""

from __future__ import annotations

from pathlib import Path

import ragedge


def application(folder: Path) -> str:
    report: ragedge.IngestReport
    with ragedge.open(folder, create=True) as kb:
        report = kb.ingest("manual.pdf", folder / "notes", metadata={"model": "X1", "year": 2025})
        hits: list[ragedge.ScoredChunk] = kb.search("drain plug torque", top_k=5, where={"model": "X1"})
        answer: ragedge.Answer = kb.ask("What is the drain plug torque?", max_new_tokens=64)
        text: str = "".join(kb.stream("What is the drain plug torque?"))
        citations: tuple[ragedge.Citation, ...] = answer.citations
        pages: list[int | None] = [citation.page for citation in citations]
        names: list[str] = report.added + [hit.source for hit in hits]
    one: ragedge.Answer = ragedge.ask("What is the drain plug torque?", kb=folder)
    return f"{text}{pages}{names}{one}"


def failure(folder: str) -> str:
    try:
        kb: ragedge.KnowledgeBase = ragedge.open(folder, settings={"retrieve.top_k": 8}, egress="process")
    except ragedge.RagedgeError as exc:
        return exc.hint
    return str(kb.config.retrieve.top_k)
