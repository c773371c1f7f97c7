"""The command line as a shell sees it: exit status, one JSON object, and clear lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MANUAL = "# Kettle K2\n\nThe kettle holds 1.7 litres. Descale it every 30 days with 50 ml of vinegar.\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(
        *arguments: str | Path, stdin: str = "", timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ragedge", *map(str, arguments)],
            input=stdin, capture_output=True, text=True, timeout=timeout, cwd=tmp_path, env=dict(os.environ),
        )  # fmt: skip

    return call


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    path = tmp_path / "kettle.md"
    path.write_text(MANUAL, encoding="utf-8")
    return path


@pytest.fixture
def kb(run: Run, manual: Path, tmp_path: Path, home_with_models: Path) -> Path:
    path = tmp_path / "kb"
    done = run("ingest", manual, "--kb", path)
    assert done.returncode == 0, done.stderr
    return path


def only_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout.count("\n") == 1
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def test_ask_prints_the_answer_and_its_source(run: Run, kb: Path) -> None:
    done = run("ask", "How much water does the kettle hold?", "--kb", kb)
    assert done.returncode == 0, done.stderr
    assert "1.7 litres" in done.stdout
    assert "[1] kettle.md" in done.stdout


def test_ask_json(run: Run, kb: Path) -> None:
    answer = only_json(run("ask", "How often is it descaled?", "--kb", kb, "--json"))
    assert "30 days" in answer["text"]
    assert answer["timings"]["total_ms"] >= answer["timings"]["ttft_ms"] > 0
    assert {"text", "sentences", "citations", "safety", "abstained", "abstain_reason", "grounded", "confidence",
            "method", "passages", "degraded", "model", "adapter", "timings"} <= set(answer)  # fmt: skip


def test_ask_explains_itself(run: Run, kb: Path) -> None:
    question = ("ask", "How much water does the kettle hold?", "--kb", kb, "--generator", "none", "--explain")
    explained = only_json(run(*question, "--json"))["explain"]
    assert explained["form"] == "value"
    assert explained["evidence"][0]["quoted"]
    assert "1.7 litres" in explained["evidence"][0]["text"]
    assert {check["outcome"] for check in explained["checks"]} == {"verbatim"}
    assert explained["features"]
    told = run(*question).stdout
    assert all(part in told for part in ("decision: answered", "evidence", "checks:", "retrieve "))


def test_ask_without_a_generator(run: Run, kb: Path) -> None:
    answer = only_json(run("ask", "How often is it descaled?", "--kb", kb, "--json", "--generator", "none"))
    assert answer["method"] == "extractive"
    assert answer["model"] is None


def test_abstaining_is_success(run: Run, kb: Path) -> None:
    done = run("ask", "What is the capital of Mongolia?", "--kb", kb, "--json")
    assert done.returncode == 0
    answer = only_json(done)
    assert answer["abstained"]
    assert answer["citations"] == []


def test_search_json(run: Run, kb: Path) -> None:
    hits = only_json(run("search", "descale vinegar", "--kb", kb, "--json", "--top-k", "1"))["hits"]
    assert [hit["source"] for hit in hits] == ["kettle.md"]
    page = only_json(run("inspect", "kettle.md", "--page", "1", "--kb", kb, "--json"))
    assert page["text"][hits[0]["start"] : hits[0]["end"]] == hits[0]["text"]


def test_questions_from_standard_input(run: Run, kb: Path) -> None:
    lines = 'How often is it descaled?\n{"question": "How many litres?", "where": {"source": "kettle.md"}}\n{"q": 1}\n'
    done = run("ask", "-", "--kb", kb, "--generator", "none", stdin=lines)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert "30 days" in answers[0]["text"]
    assert "1.7 litres" in answers[1]["text"]
    assert answers[2]["error"]["type"] == "QuestionError"
    assert done.returncode == 1


def test_status_and_remove(run: Run, kb: Path) -> None:
    facts = only_json(run("status", "--kb", kb, "--json"))
    assert facts["sources"][0]["source"] == "kettle.md"
    assert facts["settings"]["retrieve.top_k"]["origin"] == "default"
    assert only_json(run("remove", "kettle.md", "--kb", kb, "--json"))["removed"] == ["kettle.md"]
    assert only_json(run("status", "--kb", kb, "--json"))["documents"] == 0


def test_index_rebuild_and_doctor(run: Run, kb: Path) -> None:
    assert only_json(run("index", "rebuild", "--kb", kb, "--json"))["index"]["count"] == 1
    done = run("doctor", "--kb", kb, "--json")
    report = only_json(done)
    assert report["ok"], report
    assert done.returncode == 0


def test_backends_list(run: Run) -> None:
    rows = {row["name"]: row for row in only_json(run("backends", "list", "--json"))["backends"]}
    assert rows["cpu"]["available"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.pdf", b"", "empty"),
        ("binary.pdf", bytes(range(256)) * 64, "unsupported"),
        ("missing.pdf", None, "not_found"),
    ],
)
def test_a_refused_file(
    run: Run, tmp_path: Path, home_with_embedder: Path, name: str, content: bytes | None, code: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = run("ingest", name, "--kb", "kb", "--json")
    report = only_json(done)
    assert done.returncode == 1
    assert [(item["source"], item["code"]) for item in report["skipped"]] == [(name, code)]
    assert run("search", "anything", "--kb", "kb").returncode == 1


def test_a_folder_without_documents(run: Run, tmp_path: Path, home_with_embedder: Path) -> None:
    (tmp_path / "hollow").mkdir()
    done = run("ingest", "hollow", "--kb", "kb")
    assert done.returncode == 1
    assert "holds no files" in done.stdout


def test_no_models_yet(run: Run, manual: Path) -> None:
    done = run("ingest", manual, "--kb", "kb", "--json")
    assert done.returncode == 1
    error = only_json(done)["error"]
    assert error["type"] == "ModelNotFoundError"
    assert error["hint"] == "ragedge models pull minilm-l6"


def test_no_knowledge_base(run: Run, home_with_embedder: Path) -> None:
    done = run("ask", "anything?", "--kb", "nowhere")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert "no knowledge base" in done.stderr
    assert "ragedge ingest" in done.stderr


@pytest.mark.parametrize("question", ["", " \t ", "\x07\x08", "x" * 100_000])
def test_bad_questions(run: Run, kb: Path, question: str) -> None:
    done = run("ask", "-", "--kb", kb, stdin=json.dumps({"question": question}) + "\n")
    assert json.loads(done.stdout)["error"]["type"] == "QuestionError"
    assert done.returncode == 1


def test_wrong_usage(run: Run) -> None:
    done = run("search", "--json")
    assert done.returncode == 2
    assert only_json(done)["error"]["type"] == "UsageError"
    assert run("frobnicate").returncode == 2


def test_unknown_setting(run: Run, kb: Path) -> None:
    done = run("search", "oil", "--kb", kb, "--set", "retrieve.topk=3")
    assert done.returncode == 1
    assert "unknown key 'topk' in [retrieve]; known: top_k" in done.stderr


def test_two_ingests_at_once(run: Run, tmp_path: Path, home_with_embedder: Path) -> None:
    """Both end well: writers take turns."""
    for i in range(2):
        folder = tmp_path / f"set{i}"
        folder.mkdir()
        for j in range(8):
            (folder / f"m{i}{j}.md").write_text(
                f"# Part {i}{j}\n\nIt weighs {i}{j} grams.\n", encoding="utf-8"
            )
    command = [sys.executable, "-m", "ragedge", "ingest", "--kb", "kb"]
    both = [
        subprocess.Popen([*command, f"set{i}"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for i in range(2)
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert only_json(run("status", "--kb", "kb", "--json"))["documents"] == 16


def test_a_full_disk_loses_nothing(run: Run, tmp_path: Path, kb: Path) -> None:
    """The limit on file size stands in for a full disk: SQLite gets the same refusal to grow its file."""
    big = tmp_path / "big.md"
    big.write_text("# Big\n\n" + "\n\n".join(f"Sentence number {i} of a long text." for i in range(3000)))
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "from ragedge.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "ingest", str(big), "--kb", str(kb), "--json"],
        capture_output=True, text=True, cwd=tmp_path, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] == "StoreError"
    facts = only_json(run("status", "--kb", kb, "--json"))
    assert [row["source"] for row in facts["sources"]] == ["kettle.md"]
    assert run("doctor", "--kb", kb).returncode == 0
