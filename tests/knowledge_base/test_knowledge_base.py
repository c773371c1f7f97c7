"""The pipeline on real models: what a product's code sees."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import ragedge
from ragedge import plugins
from ragedge.errors import (
    ConfigError,
    IndexMismatchError,
    KnowledgeBaseNotFoundError,
    QuestionError,
    SourceError,
    StoreError,
)

PUMP = """# Pump P-100

## Lubrication

Fill the gearbox with 1.8 litres of Brakta G4 oil. Change the oil every 900 operating hours.

## Torque

| Fastener | Torque |
| --- | --- |
| Drain plug | 31 N·m |
| Cover bolt | 8 N·m |
"""
FAN = """# Fan F-7

The belt of the fan is replaced every 4000 hours. Its part number is FB-2207.
"""


@pytest.fixture
def manuals(tmp_path: Path) -> Path:
    folder = tmp_path / "manuals"
    (folder / "sub").mkdir(parents=True)
    (folder / "pump.md").write_text(PUMP, encoding="utf-8")
    (folder / "sub" / "fan.md").write_text(FAN, encoding="utf-8")
    return folder


@pytest.fixture
def kb_path(tmp_path: Path, home_with_models: Path) -> Path:
    return tmp_path / "kb"


def open_quoting(path: Path, *, create: bool = False) -> ragedge.KnowledgeBase:
    """Open without the generator: most of these tests are about everything before it."""
    return ragedge.open(path, create=create, settings={"generate.generator": "none"})


def test_three_lines_of_python(kb_path: Path, manuals: Path) -> None:
    kb = ragedge.open(kb_path, create=True)
    report = kb.ingest(manuals / "pump.md", manuals / "sub")
    answer = kb.ask("What is the drain plug torque?")
    kb.close()
    assert report.added == ["pump.md", "fan.md"]
    assert "31 N·m" in str(answer)
    assert answer.citations[0].source == "pump.md"
    assert not answer.abstained


def test_the_generator_is_loaded_only_for_an_answer_that_it_may_write(
    kb_path: Path, manuals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[str] = []
    create = plugins.create

    def noted(kind: plugins.Kind, name: str, options: Mapping[str, Any] | None = None) -> Any:
        created.append(kind)
        return create(kind, name, options)

    monkeypatch.setattr(plugins, "create", noted)
    with ragedge.open(kb_path, create=True) as kb:
        kb.ingest(manuals)
        assert kb.ask("Who won the football world cup in Brazil?").abstained
        assert "generator" not in created
        kb.ask("What is the drain plug torque?")
        assert "generator" in created


def test_one_line(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
    assert "900" in ragedge.ask("How often is the oil of the pump changed?", kb=kb_path).text


def test_sources_are_relative_to_the_folder_and_searchable(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        assert kb.ingest(manuals).added == ["pump.md", "sub/fan.md"]
        hits = kb.search("FB-2207", top_k=1)
        assert hits[0].source == "sub/fan.md"
        page = kb.inspect("sub/fan.md")[0]
        assert page["text"][hits[0].start : hits[0].end] in hits[0].text


def test_what_stream_hands_out_stands_in_the_final_text(kb_path: Path, manuals: Path) -> None:
    with ragedge.open(kb_path, create=True) as kb:
        kb.ingest(manuals)
        stream = kb.stream("How often is the belt of the fan replaced?")
        sentences = list(stream)
        answer = stream.result()
    assert sentences
    assert all(sentence in answer.text for sentence in sentences)
    assert "4000" in answer.text


def test_citations_quote_the_page_verbatim(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
        answer = kb.ask("How many litres of oil does the gearbox take?")
        pages = {source: kb.inspect(source)[0]["text"] for source in ("pump.md", "sub/fan.md")}
    assert answer.citations
    for citation in answer.citations:
        assert pages[citation.source][citation.start : citation.end] == citation.quote


def test_a_question_the_manual_does_not_answer(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
        answer = kb.ask("Who won the football world cup in Brazil?")
    assert answer.abstained
    assert answer.citations == ()
    assert answer.method == "none"


def test_again_changes_nothing(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
        digest = kb.status()["content_digest"]
        report = kb.ingest(manuals)
        assert report.unchanged == ["pump.md", "sub/fan.md"]
        assert (report.added, report.chunks) == ([], 0)
        assert kb.status()["content_digest"] == digest


def test_changed_renamed_and_deleted_files(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
        (manuals / "pump.md").write_text(PUMP.replace("31 N·m", "44 N·m"), encoding="utf-8")
        (manuals / "sub" / "fan.md").rename(manuals / "blower.md")
        report = kb.ingest(manuals)
        assert report.updated == ["pump.md"]
        assert [(r.old, r.new) for r in report.renamed] == [("sub/fan.md", "blower.md")]
        hit = kb.search("drain plug torque", top_k=1)[0]
        assert "44 N·m" in hit.text
        assert "31 N·m" not in hit.text
        (manuals / "blower.md").unlink()
        assert kb.ingest(manuals).removed == ["blower.md"]
        assert [row["source"] for row in kb.status()["sources"]] == ["pump.md"]


def test_order_of_ingest_is_nothing_to_the_content(tmp_path: Path, kb_path: Path, manuals: Path) -> None:
    digests = []
    for name, order in (("a", ["pump.md", "sub/fan.md"]), ("b", ["sub/fan.md", "pump.md"])):
        with open_quoting(tmp_path / name, create=True) as kb:
            for source in order:
                kb.ingest(manuals / source)
            digests.append(kb.status()["content_digest"])
    assert digests[0] == digests[1]


def test_workers_are_nothing_to_the_content(tmp_path: Path, kb_path: Path, manuals: Path) -> None:
    for number in range(6):
        (manuals / f"note-{number}.md").write_text(f"# Note {number}\n\nLine {number} runs {number} hours.\n")
    states = []
    for workers in (1, 3):
        settings = {"generate.generator": "none", "ingest.workers": workers}
        with ragedge.open(tmp_path / f"kb{workers}", create=True, settings=settings) as kb:
            report = kb.ingest(manuals)
            states.append((report.added, kb.status()["content_digest"]))
    assert states[0] == states[1]
    assert len(states[0][0]) == 8
    with open_quoting(tmp_path / "kb3") as kb:
        assert len(kb.ingest(manuals).unchanged) == 8


def test_two_copies_of_a_file_that_has_gone(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
        text = (manuals / "pump.md").read_text()
        (manuals / "pump.md").unlink()
        (manuals / "a.md").write_text(text)
        (manuals / "b.md").write_text(text)
        report = kb.ingest(manuals)
        assert [(r.old, r.new) for r in report.renamed] == [("pump.md", "a.md")]
        assert report.added == ["b.md"]


def test_no_word_of_a_removed_document_is_left_in_any_file(kb_path: Path, manuals: Path) -> None:
    words = ["zyxwvutter", "qrstuvlyment", "kjihgfedness", "冷却水交換機"]
    secret = f"---\nmodel: {words[2]}-9\n---\n# The {words[0]} of the pump\n\n" + "\n\n".join(
        f"Fill the {words[1]} no. {i} with {i}.5 litres. {words[3]}を確認する。" for i in range(80)
    )
    (manuals / "secret.md").write_text(secret, encoding="utf-8")
    settings = {"index.exact_below": 0}  # a graph is kept as well
    with ragedge.open(kb_path, create=True, settings=settings) as kb:
        kb.ingest(manuals)
        assert kb.ask(f"How many litres for the {words[1]} no. 7?", max_new_tokens=4).passages
        held = b"".join(path.read_bytes() for path in kb_path.rglob("*") if path.is_file())
        assert words[1].encode() in held
        kb.remove("secret.md")
        kb.ask("How often is the oil of the pump changed?", max_new_tokens=4)
        for moment in ("open", "closed"):
            for path in (path for path in kb_path.rglob("*") if path.is_file()):
                data = path.read_bytes().lower()
                for word in [*words, *(word[:8] for word in words[:3]), "冷却", "secret.md"]:
                    for encoding in ("utf-8", "utf-16-le"):
                        assert word.encode(encoding) not in data, f"{word} in {path.name} while {moment}"
            kb.close()


def test_words_that_a_crash_left_are_taken_off_by_the_next_ingest(
    kb_path: Path, manuals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ragedge.index.store import Store

    with open_quoting(kb_path, create=True) as kb:
        (manuals / "sub" / "fan.md").write_text("# Fan\n\nThe zyxwvutter turns.\n")
        kb.ingest(manuals)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "forget_removed", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                kb.remove("sub/fan.md")
    database = kb_path / "kb.sqlite"
    assert b"zyxwvutt" in database.read_bytes(), "else the test shows nothing"
    with open_quoting(kb_path) as kb:
        kb.ingest(manuals / "pump.md")
    assert b"zyxwvutt" not in database.read_bytes()


def test_namesake_from_another_folder_is_refused(kb_path: Path, manuals: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pump.md").write_text(FAN, encoding="utf-8")
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals / "pump.md")
        with pytest.raises(StoreError, match="already taken") as caught:
            kb.ingest(other / "pump.md")
        assert "--prefix" in caught.value.hint
        assert kb.ingest(other / "pump.md", prefix="line2").added == ["line2/pump.md"]


def test_remove(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
        with pytest.raises(SourceError, match="no document named"):
            kb.remove("pump.md", "nothing.md")
        assert kb.remove("pump.md") == ["pump.md"]
        assert [hit.source for hit in kb.search("drain plug torque")] == ["sub/fan.md"]


def test_metadata_filters(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals / "pump.md", metadata={"model": "P-100", "year": 2024})
        kb.ingest(manuals / "sub" / "fan.md", metadata={"model": "F-7", "year": 2021})
        assert {hit.source for hit in kb.search("hours", where=["year>=2023"])} == {"pump.md"}
        assert {hit.source for hit in kb.search("hours", where={"model": "F-7"})} == {"fan.md"}


def test_other_metadata_is_a_change(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals / "pump.md", metadata={"model": "A"})
        assert kb.ingest(manuals / "pump.md", metadata={"model": "B"}).updated == ["pump.md"]
        assert kb.search("oil", where=["model=B"])


def test_bad_files_cost_only_themselves(kb_path: Path, manuals: Path) -> None:
    (manuals / "empty.md").write_bytes(b"")
    (manuals / "broken.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 8)
    (manuals / "binary.pdf").write_bytes(bytes(range(256)) * 64)
    with open_quoting(kb_path, create=True) as kb:
        report = kb.ingest(manuals)
    assert report.added == ["pump.md", "sub/fan.md"]
    assert {skipped.source: skipped.code for skipped in report.skipped} == {
        "empty.md": "empty",
        "broken.pdf": "damaged",
        "binary.pdf": "unsupported",
    }


def test_nothing_there(tmp_path: Path, home_with_embedder: Path) -> None:
    with pytest.raises(KnowledgeBaseNotFoundError, match="no knowledge base"):
        ragedge.open(tmp_path / "kb")
    assert not (tmp_path / "kb").exists()


def test_settings_come_from_the_folder_and_flags_win(kb_path: Path, manuals: Path) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
    (kb_path / "ragedge.toml").write_text("[retrieve]\ntop_k = 1\n", encoding="utf-8")
    with open_quoting(kb_path) as kb:
        assert len(kb.search("hours")) == 1
        assert kb.status()["settings"]["retrieve.top_k"] == {"value": 1, "origin": "file"}
    with ragedge.open(kb_path, settings={"retrieve.top_k": 2}) as kb:
        assert len(kb.search("hours")) == 2
    (kb_path / "ragedge.toml").write_text("[retrieve]\ntopk = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown key 'topk'"):
        ragedge.open(kb_path)


def test_another_embedder_is_named(
    kb_path: Path, manuals: Path, home_with_models: Path, minilm_dir: Path
) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals)
    other = home_with_models / "models" / "other"
    other.mkdir()
    for file in minilm_dir.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["name"] = "other"
    manifest["encoder"]["query_prefix"] = "query: "
    manifest.pop("own_sha256", None)
    (other / "manifest.json").write_text(json.dumps(manifest))
    settings = {"embed.model": "other"}
    with ragedge.open(kb_path, settings=settings) as kb:
        for call in (lambda: kb.search("oil"), lambda: kb.ingest(manuals), lambda: kb.ask("oil?")):
            with pytest.raises(IndexMismatchError, match="built by embedder 'minilm-l6'"):
                call()


@pytest.mark.parametrize("question", ["", "   ", "\x00\x01", "word " * 20_000])
def test_questions_that_are_none(kb_path: Path, manuals: Path, question: str) -> None:
    with open_quoting(kb_path, create=True) as kb:
        kb.ingest(manuals / "pump.md")
        with pytest.raises(QuestionError):
            kb.ask(question)


def test_threads_share_one(kb_path: Path, manuals: Path) -> None:
    with ragedge.open(kb_path, create=True) as kb:
        kb.ingest(manuals)
        texts: list[str] = []
        threads = [
            threading.Thread(target=lambda: texts.append(kb.ask("How often is the oil changed?").text))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(texts) == 4
    assert len(set(texts)) == 1
