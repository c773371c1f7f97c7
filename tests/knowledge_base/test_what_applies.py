"""Applicability and revisions, from files to answers."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragedge
from ragedge.errors import ConfigError

QUOTING = {"generate.generator": "none"}


def manual(revision: str, torque: int) -> str:
    return (
        f"---\ntitle: Pump P-100\nrevision: {revision}\n---\n# Pump P-100\n\n## Torque\n\n"
        f"The drain plug is tightened to {torque} N·m.\n"
    )


@pytest.fixture
def folder(tmp_path: Path, home_with_embedder: Path) -> Path:
    made = tmp_path / "manuals"
    made.mkdir()
    return made


def test_a_newer_revision_answers_and_says_so(tmp_path: Path, folder: Path) -> None:
    (folder / "pump-a.md").write_text(manual("A", 31), encoding="utf-8")
    with ragedge.open(tmp_path / "kb", create=True, settings=QUOTING) as kb:
        kb.ingest(folder)
        first = kb.ask("What is the drain plug torque?")
        assert "31" in first.text
        assert first.notes == ()
        (folder / "pump-b.md").write_text(manual("B", 35), encoding="utf-8")
        kb.ingest(folder)
        answer = kb.ask("What is the drain plug torque?")
        assert "35" in answer.text
        assert {passage.source for passage in answer.passages} == {"pump-b.md"}
        assert answer.notes == ("pump-b.md (revision B) replaces pump-a.md (revision A)",)
        assert {row["source"]: row["superseded_by"] for row in kb.status()["sources"]} == {
            "pump-a.md": "pump-b.md", "pump-b.md": None,
        }  # fmt: skip
        old = kb.ask("What is the drain plug torque?", where=["revision=A"])
        assert "31" in old.text
        assert "was replaced by pump-b.md" in old.notes[0]
        assert {hit.source for hit in kb.search("drain plug", where={"title": "Pump P-100"})} == {"pump-b.md"}
        kb.remove("pump-b.md")
        assert "31" in kb.ask("What is the drain plug torque?").text


def test_sections_apply_to_what_their_headings_say(tmp_path: Path, folder: Path) -> None:
    (folder / "pumps.md").write_text(
        "# Pumps\n\n## Model P1\n\n### Oil\n\nFill in 2 litres of oil.\n\n"
        "## Model P2\n\n### Oil\n\nFill in 5 litres of oil.\n\n## Storage\n\nDrain the oil for storage.\n"
    )
    settings = QUOTING | {"ingest.heading_metadata": (r"^Model (?P<model>P\d)$",), "ingest.chunk_tokens": 16}
    with ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb:
        kb.ingest(folder)
        for model, litres in (("P1", "2 litres"), ("P2", "5 litres")):
            hits = kb.search("How much oil?", where={"model": model})
            assert hits
            assert all(hit.metadata["model"] == model for hit in hits)
            assert any(litres in hit.text for hit in hits)
            assert litres in kb.ask("How many litres of oil are filled in?", where={"model": model}).text


def test_a_file_name_says_it_below_front_matter_and_below_the_user(tmp_path: Path, folder: Path) -> None:
    (folder / "X1_2024.md").write_text("---\nyear: 2022\n---\n# Belt\n\nThe belt lasts 4000 hours.\n")
    settings = QUOTING | {"ingest.filename_metadata": (r"^(?P<model>X\d)_(?P<year>\d{4})",)}
    with ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb:
        kb.ingest(folder)
        assert kb.status()["sources"][0]["metadata"] == {"model": "X1", "year": 2022}
        (folder / "X1_2024.md").rename(folder / "X2_2024.md")
        report = kb.ingest(folder)
        assert (report.added, report.removed, report.renamed) == (["X2_2024.md"], ["X1_2024.md"], [])
        assert kb.status()["sources"][0]["metadata"]["model"] == "X2"
        kb.ingest(folder, metadata={"model": "X9"})
        assert kb.status()["sources"][0]["metadata"]["model"] == "X9"


def test_a_pattern_that_is_none_stops_before_anything_is_read(tmp_path: Path, folder: Path) -> None:
    settings = QUOTING | {"ingest.filename_metadata": ("(",)}
    with (
        ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb,
        pytest.raises(ConfigError, match=r"ingest\.filename_metadata"),
    ):
        kb.ingest(folder)
