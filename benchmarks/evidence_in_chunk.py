"""Whether a fact survives reading and cutting: the gold evidence stands whole in one chunk of its page.

    python benchmarks/evidence_in_chunk.py --qa examples/automotive_manual/qa.jsonl \\
        --documents examples/automotive_manual/manual.pdf
    python benchmarks/evidence_in_chunk.py --qa ../shared/data/army_manuals/qa.jsonl \\
        --documents ../shared/data/army_manuals/*.pdf

Files go through the product's parser process and chunker with default settings; nothing is embedded or
searched. A question counts if one chunk of at most --most tokens, headings and column heads included, holds

    facts      every string of ``facts``, and stands on one of ``pages``
    evidence   besides, at least nine in ten of the words of ``evidence`` (or of one of ``also``): facts alone,
               such as "28", may also stand in a chunk about something else

Only totals are printed, so that it can be run on questions that nobody may look at.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragedge.config import EmbedConfig, IngestConfig
from ragedge.datatypes import Chunk, Document
from ragedge.embed.token_counter import create
from ragedge.generate.terms import fold
from ragedge.ingest.parser_process import CounterSpec, Parser
from ragedge.measure.answer_figures import holds
from ragedge.measure.intervals import wilson
from ragedge.models import store

_WORD = re.compile(r"\w+(?:[.,/-]\w+)*")
_EVIDENCE_SHARE = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--qa", type=Path, required=True)
    parser.add_argument("--documents", type=Path, nargs="+", required=True)
    parser.add_argument("--chunkers", nargs="+", default=["section"])
    parser.add_argument("--chunk-tokens", type=int, default=IngestConfig().chunk_tokens)
    parser.add_argument("--most", type=int, default=256, help="longest chunk that counts, in tokens")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    lines = arguments.qa.read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines if line.strip()]
    questions = [q for q in questions if q.get("answerable", True) and q.get("facts") and q.get("pages")]
    report = {}
    for name in arguments.chunkers:
        config = IngestConfig(chunker=name, chunk_tokens=arguments.chunk_tokens, timeout_s=600)
        report[name] = measure(questions, arguments.documents, config, arguments.most)
        print(line_of(name, report[name]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def measure(
    questions: Sequence[dict[str, Any]], paths: Sequence[Path], config: IngestConfig, most: int
) -> dict[str, Any]:
    """Read the documents and count; figures as documented above."""
    model = EmbedConfig().model
    tokenizer = {"tokenizer": str(store.find(model).path / "tokenizer.json")}
    embedder = {"embedder": "onnx", "options": {"model": model}}
    chunks: dict[str, list[tuple[set[int | None], str, int]]] = {}
    pages = 0
    with Parser(
        config,
        CounterSpec(options=tokenizer),
        embedder=CounterSpec("ragedge.embed.token_counter:create_from_embedder", embedder),
        embedder_max_tokens=most,
    ) as reader:
        count = create(tokenizer)
        for path in paths:
            parsed = reader.parse(path.name, path.read_bytes())
            pages += len(parsed.document.pages)
            chunks[path.name] = [
                (_pages(chunk, parsed.document), chunk.index_text, len(count.token_spans(chunk.index_text)))
                for chunk in parsed.chunks
            ]
    asked = [q for q in questions if q.get("source", paths[0].name) in chunks]
    facts = evidence = quoted = 0
    for question in asked:
        fitting = [
            text
            for numbers, text, tokens in chunks[question.get("source", paths[0].name)]
            if tokens <= most and numbers & set(question["pages"]) and holds(question["facts"], text)
        ]
        facts += bool(fitting)
        wanted = [w for w in (question.get("evidence"), *question.get("also", ())) if isinstance(w, str)]
        quoted += bool(wanted)
        evidence += any(_share(words, text) >= _EVIDENCE_SHARE for text in fitting for words in wanted)
    lengths = [tokens for rows in chunks.values() for _, _, tokens in rows]
    return {
        "facts": _counted(facts, len(asked)),
        "evidence": _counted(evidence, quoted),
        "pages": pages,
        "chunks": len(lengths),
        "chunks_per_page": round(len(lengths) / pages, 2),
        "tokens_median": statistics.median(lengths),
        "tokens_most": max(lengths),
    }


def _counted(hits: int, count: int) -> list[float]:
    """Return hits, count and Wilson's interval; empty where nothing was asked."""
    return [hits, count, *wilson(hits, count)] if count else []


def _pages(chunk: Chunk, document: Document) -> set[int | None]:
    return {document.pages[span.page_index].number for span in chunk.spans}


def _share(words: str, text: str) -> float:
    """Return how many of some words stand in a text, spelling aside."""
    wanted = _WORD.findall(fold(words))
    there = set(_WORD.findall(fold(text)))
    return sum(word in there for word in wanted) / max(len(wanted), 1)


def line_of(name: str, figures: dict[str, Any]) -> str:
    shares = "  ".join(
        f"{key} {hits}/{count} [{low:.2f}, {high:.2f}]"
        for key in ("facts", "evidence")
        if figures[key]
        for hits, count, low, high in [figures[key]]
    )
    return (
        f"{name:13} {shares}  {figures['chunks']} chunks on {figures['pages']} pages "
        f"({figures['chunks_per_page']} a page), tokens median {figures['tokens_median']:.0f}, "
        f"most {figures['tokens_most']}"
    )


if __name__ == "__main__":
    main()
