"""Every fact that the example manual's questions ask for stands whole in one chunk of its page."""

from __future__ import annotations

import json
from pathlib import Path

from ragedge.config import IngestConfig
from ragedge.ingest.parser_process import CounterSpec, Parser
from ragedge.measure.answer_figures import holds

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "automotive_manual"
MOST_TOKENS = 256


def test_facts_survive_reading_and_cutting(minilm_dir):
    counter = CounterSpec(options={"tokenizer": str(minilm_dir / "tokenizer.json")})
    with Parser(IngestConfig(), counter, embedder_max_tokens=MOST_TOKENS) as parser:
        parsed = parser.parse("manual.pdf", (EXAMPLE / "manual.pdf").read_bytes())
    questions = [json.loads(line) for line in (EXAMPLE / "qa.jsonl").read_text("utf-8").splitlines()]
    questions = [question for question in questions if question["answerable"]]
    placed = [
        ({parsed.document.pages[span.page_index].number for span in chunk.spans}, chunk.index_text)
        for chunk in parsed.chunks
    ]
    whole = sum(
        any(pages & set(question["pages"]) and holds(question["facts"], text) for pages, text in placed)
        for question in questions
    )
    assert whole >= 0.99 * len(questions)
