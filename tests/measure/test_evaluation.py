"""``ragedge eval`` on a corpus and on questions whose figures can be counted by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import ragedge
from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.errors import ConfigError, MissingExtraError, SourceError
from ragedge.measure.evaluation import evaluate_corpus, evaluate_questions
from ragedge.measure.figures import as_dict, differences, read_per_query, write_per_query
from ragedge.measure.questions import read_queries, read_questions
from ragedge.measure.ranking import ranking_figures

CORPUS = {
    "brakes": "Brake discs are worn below 22 mm. Replace both discs of an axle.",
    "oil": "The engine takes 4.2 litres of oil. Drain the oil while it is warm.",
    "horn": "Fuse FE8 of 10 A protects the horn.",
    "wipers": "Lift the wiper arms before the frost sets in.",
}
QUERIES = {
    "q1": ("How much oil does the engine take?", {"oil": 1}),
    "q2": ("Which fuse protects the horn?", {"horn": 1, "brakes": 1}),
    "q3": ("How thick must brake discs be?", {"wipers": 1}),  # judged wrong on purpose
}
MANUAL = """# Kettle K2

The kettle holds 1.7 litres.

# Care

Descale it every 30 days with 50 ml of vinegar.
"""
QUESTIONS: list[dict[str, Any]] = [
    {"question": "How much water does the kettle hold?", "answer": "It holds 1.7 litres.", "facts": ["1.7 L"],
     "source": "kettle.md", "type": "value"},
    {"question": "How much vinegar is needed to descale it?", "facts": ["50 ml"], "source": "kettle.md",
     "type": "value"},
    {"question": "What is the towing capacity of the moon buggy?", "answerable": False, "type": "none"},
]  # fmt: skip


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": "", "text": text} for name, text in CORPUS.items()]
    queries = [{"_id": name, "text": text} for name, (text, _) in QUERIES.items()]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [
        f"{query}\t{name}\t{grade}" for query, (_, right) in QUERIES.items() for name, grade in right.items()
    ]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    return folder


@pytest.fixture
def qa(tmp_path: Path) -> Path:
    path = tmp_path / "qa.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    return path


@pytest.fixture
def kettle(tmp_path: Path, home_with_embedder: Path) -> Path:
    (tmp_path / "kettle.md").write_text(MANUAL)
    settings = {"generate.generator": "none"}
    with ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb:
        kb.ingest(tmp_path / "kettle.md")
    (tmp_path / "kb" / "ragedge.toml").write_text('[generate]\ngenerator = "none"\n')
    return tmp_path / "kb"


def run(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    return done.exit_code, done.output


@pytest.fixture(autouse=True)
def results_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let click's runner catch the results; no guard that stays armed for the tests that follow."""
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)


def test_ranking_figures_are_those_counted_by_hand() -> None:
    relevant = {"a": {"x": 2, "y": 1}, "b": {"z": 1}, "c": {"z": 1}}
    figures = ranking_figures(relevant, {"a": ["y", "n", "x"], "b": [f"n{i}" for i in range(10)] + ["z"]})
    ideal = 2 + 1 / math.log2(3)
    assert figures["a"] == pytest.approx({"ndcg@10": (1 + 2 / 2) / ideal, "recall@10": 1, "mrr@10": 1})
    assert figures["b"] == figures["c"] == {"ndcg@10": 0, "recall@10": 0, "mrr@10": 0}


@pytest.mark.usefixtures("home_with_embedder")
def test_a_corpus(beir: Path, tmp_path: Path) -> None:
    evaluation = evaluate_corpus(beir)
    facts = as_dict(evaluation)
    assert (facts["dataset"], facts["split"], facts["queries"]) == ("tiny", "test", 3)
    by_id = {item.id: item for item in evaluation.judged}
    assert by_id["q1"].ranked[0][0] == "oil"
    assert by_id["q1"].figures["ndcg@10"] == by_id["q2"].figures["mrr@10"] == 1
    assert by_id["q3"].figures["mrr@10"] < 1
    metric = facts["metrics"]["ndcg@10"]
    assert 0 <= metric["low"] <= metric["value"] <= metric["high"] <= 1
    assert len(facts["config_digest"]) == 64
    write_per_query(tmp_path / "a.jsonl", evaluation.judged)
    assert [item.figures for item in read_per_query(tmp_path / "a.jsonl")] == [
        item.figures for item in evaluation.judged
    ]
    same = differences(evaluation.judged, evaluation.judged)
    assert same["ndcg@10"].value == 0


@pytest.mark.usefixtures("home_with_embedder")
def test_the_command_measures_two_settings_and_writes_what_was_asked_for(beir: Path, tmp_path: Path) -> None:
    other = tmp_path / "text.toml"
    other.write_text("[retrieve]\ndense_weight = 0.0\n")
    status, printed = run("eval", beir, "--json", "--against", other, "--run", tmp_path / "run.trec",
                          "--per-query", tmp_path / "q.jsonl", "--plot", tmp_path / "plot.png")  # fmt: skip
    assert status == 0, printed
    facts = json.loads(printed)
    assert {"dataset", "split", "queries", "metrics", "by_type", "latency_ms", "config_digest"} <= set(facts)
    assert facts["against"]["config_digest"] != facts["config_digest"]
    gap = facts["against"]["metrics"]["mrr@10"]["value"] - facts["metrics"]["mrr@10"]["value"]
    assert facts["difference"]["mrr@10"]["value"] == pytest.approx(gap)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    rows = [line.split() for line in (tmp_path / "run.trec").read_text().splitlines()]
    assert {row[0] for row in rows} == set(QUERIES)
    for query in QUERIES:  # trec_eval sorts by score
        scores = [float(row[4]) for row in rows if row[0] == query]
        assert scores == sorted(set(scores), reverse=True)
    written = (tmp_path / "q.jsonl").read_text()
    assert not any(text in written for text, _ in QUERIES.values())
    status, printed = run("eval", "--compare", tmp_path / "q.jsonl", tmp_path / "q.jsonl", "--json")
    assert json.loads(printed)["difference"]["ndcg@10"] | {"pairs": 3} == {
        "value": 0, "low": 0, "high": 0, "p": 1, "pairs": 3,
    }  # fmt: skip


def test_questions(kettle: Path, qa: Path) -> None:
    with ragedge.open(kettle) as kb:
        facts = as_dict(evaluate_questions(qa, kb))
        quick = as_dict(evaluate_questions(qa, kb, half="second", answers=False))
    metrics = facts["metrics"]
    assert (metrics["page_hit@1"]["hits"], metrics["page_hit@1"]["of"]) == (2, 2)
    assert (metrics["fact_recall"]["hits"], metrics["fact_recall"]["of"]) == (2, 2)
    assert metrics["abstain_recall"]["value"] == metrics["abstain_precision"]["value"] == 1
    assert metrics["unsupported_numbers"]["value"] == 0
    assert 0 < metrics["rouge_l"]["value"] <= 1
    assert facts["by_type"]["value"]["queries"] == 2
    assert (quick["queries"], quick["split"]) == (2, "all, second half")
    assert set(quick["metrics"]) == {"page_hit@1", "page_hit@3", "page_hit@5"}


def test_the_command_prints_tables(kettle: Path, qa: Path) -> None:
    status, printed = run("eval", qa, "--kb", kettle)
    assert status == 0, printed
    assert "2 of 2" in printed
    assert "search p50" in printed


def test_settings_that_need_a_new_ingest_are_not_compared(kettle: Path, qa: Path, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[ingest]\nchunk_tokens = 64\n")
    status, printed = run("eval", qa, "--kb", kettle, "--against", tmp_path / "other.toml")
    assert status == 1
    assert "ingest.chunk_tokens" in printed
    assert "--compare" in printed


def test_what_is_missing_is_named(beir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no split 'dev'; known: test"):
        read_queries(beir, "dev")
    (beir / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\toil\tmuch\n")
    with pytest.raises(ConfigError, match="several splits"):
        read_queries(beir)
    with pytest.raises(SourceError, match="line 2"):
        read_queries(beir, "dev")
    (tmp_path / "bad.jsonl").write_text('{"question": "ok?"}\n{"question": ["no"]}\n')
    with pytest.raises(SourceError, match=r"bad.jsonl, line 2: expected a JSON object with 'question'"):
        read_questions(tmp_path / "bad.jsonl")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="ir_measures") as caught:
        ranking_figures({}, {})
    assert caught.value.hint == "pip install 'ragedge[eval]'"
