"""Verdicts on pages: stored, listed, taken back, gone with their document, and exported on request only."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

import ragedge
from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.index.digests import row_digest
from ragedge.index.schema import SCHEMA_VERSION

QUESTION = "Wie viel Essig braucht der Kessel?"


@pytest.fixture(autouse=True)
def results_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)


@pytest.fixture
def kb(tmp_path: Path, home_with_embedder: Path) -> Path:
    (tmp_path / "kettle.md").write_text("# Kettle\n\nDescale it with 50 ml of vinegar.\n")
    with ragedge.open(tmp_path / "kb", create=True) as opened:
        opened.ingest(tmp_path / "kettle.md")
    return tmp_path / "kb"


def run(*arguments: str | Path, answer: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(cli, [*map(str, arguments)], input=answer)
    return done.exit_code, done.stdout


def test_a_verdict_is_stored_listed_replaced_and_taken_back(kb: Path) -> None:
    add = ("feedback", "add", QUESTION, "--kb", kb, "--source", "kettle.md", "--json")
    assert run(*add, "--right")[0] == 0
    number = json.loads(run(*add, "--wrong")[1])["id"]
    (item,) = json.loads(run("feedback", "list", "--kb", kb, "--json")[1])["feedback"]
    assert (item["question"], item["source"], item["page"], item["right"]) == (
        QUESTION,
        "kettle.md",
        None,
        False,
    )
    assert json.loads(run("feedback", "remove", str(number), "99", "--kb", kb, "--json")[1]) == {
        "schema": 1, "removed": [number], "unknown": [99],
    }  # fmt: skip
    assert "no page" not in run("feedback", "list", "--kb", kb)[1]


def test_a_page_that_is_not_there_is_refused(kb: Path) -> None:
    status, printed = run(
        "feedback", "add", QUESTION, "--kb", kb, "--source", "nothing.pdf", "--right", "--json"
    )
    assert status == 1
    assert json.loads(printed)["error"]["type"] == "SourceError"


def test_verdicts_follow_a_new_name_and_a_new_version_and_go_with_the_document(
    kb: Path, tmp_path: Path
) -> None:
    with ragedge.open(kb) as opened:
        opened.store.learned.add_feedback(QUESTION, "kettle.md", None, right=True)
        (tmp_path / "kettle.md").write_text("# Kettle\n\nDescale it with 60 ml of vinegar.\n")
        opened.ingest(tmp_path / "kettle.md")
        assert len(opened.store.learned.feedback()) == 1
        (tmp_path / "kettle.md").rename(tmp_path / "kessel.md")
        opened.ingest(tmp_path / "kessel.md")
        assert [item.source for item in opened.store.learned.feedback()] == ["kessel.md"]
        opened.remove("kessel.md")
        assert opened.store.learned.feedback() == []
    assert not any(b"Essig" in path.read_bytes() for path in kb.rglob("*") if path.is_file())


def test_export_says_what_leaves_and_asks(kb: Path, tmp_path: Path) -> None:
    with ragedge.open(kb) as opened:
        opened.store.learned.add_feedback(QUESTION, "kettle.md", None, right=True)
        opened.store.learned.add_feedback("What else?", "kettle.md", None, right=False)
    file = tmp_path / "out.jsonl"
    assert run("feedback", "export", file, "--kb", kb, answer="n\n")[0] != 0
    assert not file.exists()
    assert run("feedback", "export", file, "--kb", kb, answer="y\n")[0] == 0
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"question": QUESTION, "source": "kettle.md"}
    ]


def as_before_redaction_was_noted(connection: sqlite3.Connection) -> None:
    """Take back the last migration."""
    connection.execute("ALTER TABLE documents DROP COLUMN redacted")
    names = [row[1] for row in connection.execute("PRAGMA table_info(documents)")]
    fields = [name for name in names if name not in ("id", "key", "digest")]
    for number, *row in connection.execute(f"SELECT id, {', '.join(fields)} FROM documents").fetchall():
        connection.execute("UPDATE documents SET digest = ? WHERE id = ?", (row_digest(*row), number))
    connection.execute("DELETE FROM _sqlite_migrations WHERE name LIKE 'm006%'")
    connection.execute("PRAGMA user_version = 5")


def test_documents_of_an_older_knowledge_base_are_noted_as_redacted_once_that_is_known(
    tmp_path: Path, home_with_embedder: Path
) -> None:
    (tmp_path / "a.md").write_text("Mail anna@example.com about the pump.\n")
    (tmp_path / "b.md").write_text("The pump takes 3 litres.\n")
    settings = {"generate.generator": "none", "privacy.redactors": ["patterns"]}
    with ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb:
        kb.ingest(tmp_path / "a.md", tmp_path / "b.md")
    connection = sqlite3.connect(tmp_path / "kb" / "kb.sqlite", isolation_level=None)
    [number] = connection.execute("SELECT id FROM documents WHERE source = 'a.md'").fetchone()
    row = (number, "[email 1]", "email", "anna@example.com")
    connection.execute("INSERT INTO redacted VALUES (?, ?, ?, ?, ?)", (*row, row_digest(*row)))
    as_before_redaction_was_noted(connection)
    connection.close()
    with ragedge.open(tmp_path / "kb", settings=settings) as kb:
        kb.verify_rows()
        assert [record.redacted for record in kb.store.sources()] == [True, False]  # b says nothing of it
        assert sorted(kb.ingest(tmp_path / "a.md", tmp_path / "b.md").unchanged) == ["a.md", "b.md"]
        assert [record.redacted for record in kb.store.sources()] == [True, True]


def test_an_older_knowledge_base_gets_the_tables(kb: Path) -> None:
    connection = sqlite3.connect(kb / "kb.sqlite", isolation_level=None)
    connection.execute("DROP TABLE feedback")
    connection.execute("DROP TABLE trials")
    connection.execute("DROP TABLE audit")
    connection.execute("DROP TABLE redacted")
    as_before_redaction_was_noted(connection)
    connection.execute("DELETE FROM _sqlite_migrations WHERE name != 'm001_first_tables'")
    connection.execute("INSERT INTO settings VALUES ('retrieve.top_k', '3', x'')")
    for table in ("manifest", "settings", "tuned"):
        connection.execute(f"ALTER TABLE {table} DROP COLUMN digest")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with ragedge.open(kb) as opened:
        assert opened.store.learned.feedback() == []
        assert opened.status()["schema_version"] == SCHEMA_VERSION == 6
        assert opened.store.learned.values("settings") == {"retrieve.top_k": 3}
        opened.verify_rows()
