"""``ragedge tune`` on a small manual of two halves: it recovers, keeps still, goes on, and stays inside."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import ragedge
from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.config import Config
from ragedge.errors import ConfigError
from ragedge.measure.questions import read_questions
from ragedge.tune.made import made_questions
from ragedge.tune.questions import from_feedback, from_questions
from ragedge.tune.rechunking import rechunked
from ragedge.tune.space import chunk_settings, search_settings
from ragedge.tune.tuning import Budget, apply, last_result, reset, tune

PARTS = (
    "pump", "valve", "fan", "belt", "gasket", "sensor", "relay", "filter", "hose", "bearing", "piston", "lever",
    "shaft", "switch", "nozzle", "spring", "clamp", "rotor", "thermostat", "coupling", "injector", "manifold",
    "flywheel", "regulator",
)  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manual in which a word search finds every part by its number, and vectors do not."""
    path = tmp_path_factory.mktemp("tuned") / "parts.html"
    sections = [
        f"<h2>Unit {i + 1}</h2><p>Part {7000 + 137 * i} goes with part {7000 + 137 * ((i + 5) % 24)} here. "
        f"Seat it dry, turn it by hand and close the {part} cover.</p>"
        for i, part in enumerate(PARTS)
    ]
    path.write_text("<html><body>" + "".join(sections) + "</body></html>")
    return path


@pytest.fixture
def folder(source: Path, tmp_path: Path, home_with_embedder: Path) -> Path:
    files = tmp_path / "files"
    files.mkdir()
    for number, section in enumerate(source.read_text().split("<h2>")[1:]):
        (files / f"u{number:02}.html").write_text(f"<html><body><h2>{section}</body></html>")
    with ragedge.open(tmp_path / "kb", create=True) as kb:
        kb.ingest(files)
    return tmp_path / "kb"


@pytest.fixture
def qa(tmp_path: Path) -> Path:
    path = tmp_path / "qa.jsonl"
    rows = [
        {"question": f"Which cover is closed after fitting the {part}?", "source": f"u{i:02}.html"}
        for i, part in enumerate(PARTS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(autouse=True)
def results_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)


# Under these the vectors decide alone, of two candidates.
SPOILED = {"retrieve.text_weight": 0.0, "retrieve.candidates": 2}


def run(*arguments: str | Path, answer: str = "") -> tuple[int, Any]:
    done = CliRunner().invoke(cli, [*map(str, arguments)], input=answer)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_spoiled_settings_are_recovered_applied_and_reset(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "codes.jsonl"
    rows = [
        {"question": f"part {7000 + 137 * i}", "source": f"u{j:02}.html"} for i in range(24) for j in (i,)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with ragedge.open(folder) as kb:
        kb.store.learned.set_values("tuned", SPOILED)
    status, printed = run("tune", path, "--kb", folder, "--trials", "4", "--json")
    assert status == 0, printed
    result = json.loads(printed)
    assert {"trials", "applied", "baseline", "best", "gain", "held_out", "settings"} <= set(result)
    assert result["applied"], result["reason"]
    assert result["gain"]["low"] > 0
    assert result["settings"]["retrieve.text_weight"] > 0
    with ragedge.open(folder) as kb:
        shown = kb.status()["settings"]["retrieve.text_weight"]
        assert shown == {"value": result["settings"]["retrieve.text_weight"], "origin": "tuned"}
    file = tmp_path / "tuned.toml"
    assert run("tune", "--export", file, "--kb", folder, answer="n\n")[0] != 0
    assert not file.exists()
    assert run("tune", "--export", file, "--kb", folder, answer="y\n")[0] == 0
    assert (
        tomllib.loads(file.read_text())["retrieve"]["text_weight"]
        == result["settings"]["retrieve.text_weight"]
    )
    assert "retrieve.text_weight" in json.loads(run("tune", "--reset", "--kb", folder, "--json")[1])["reset"]
    with ragedge.open(folder) as kb:
        assert kb.store.learned.values("tuned") == {}
        assert last_result(kb) is None


def test_where_nothing_helps_nothing_changes_and_a_second_run_goes_on(folder: Path, qa: Path) -> None:
    with ragedge.open(folder) as kb:
        asked = from_questions(read_questions(qa))
        before = (kb.store.content_digest(), kb.store.learned.values("tuned"))
        first = tune(kb, asked, trials=5, budget=Budget())
        assert (first["accepted"], first["settings"], first["resumed"]) == (False, {}, 0)
        assert (kb.store.content_digest(), kb.store.learned.values("tuned")) == before
        with pytest.raises(ConfigError, match="nothing to apply"):
            apply(kb, first)
    with ragedge.open(folder) as kb:
        second = tune(kb, asked, trials=7, budget=Budget())
        assert (second["trials"], second["resumed"]) == (7, 5)
        assert second["baseline"]["ndcg@10"] == first["baseline"]["ndcg@10"]
        assert last_result(kb) == second
        reset(kb)


def test_a_budget_is_kept_or_said_to_be_out_of_reach(folder: Path, qa: Path) -> None:
    with ragedge.open(folder) as kb:
        asked = from_questions(read_questions(qa))
        assert "budget" in tune(kb, asked, trials=3, budget=Budget(ms=1e-6))["reason"]
        assert "budget" in tune(kb, asked, trials=3, budget=Budget(mb=1e-6))["reason"]


def test_chunks_are_tried_in_a_copy_that_goes_and_are_not_applied_to_rows_they_do_not_fit(
    folder: Path, qa: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ragedge.tune.space._CHUNKING", ({"ingest.chunker": "window", "ingest.chunk_tokens": 32},)
    )
    with ragedge.open(folder) as kb:
        digest = kb.store.content_digest()
        result = tune(kb, from_questions(read_questions(qa)), trials=2, budget=Budget(), chunking=True)
        assert result["trials"] == 2 + len(chunk_settings(kb.config)) == 3
        assert kb.store.content_digest() == digest
        assert not (folder / ".tuning").exists()
        found = {**result, "accepted": True, "settings": {"ingest.chunk_tokens": 96}}
        with pytest.raises(ConfigError, match="new ingest") as caught:
            apply(kb, found)
        assert "--set ingest.chunk_tokens=96" in caught.value.hint
        assert kb.store.learned.values("tuned") == {}


def test_the_copy_of_an_encrypted_one_is_encrypted(
    source: Path, tmp_path: Path, home_with_embedder: Path
) -> None:
    key = b"k" * 32
    with ragedge.open(tmp_path / "kb", create=True, key=key) as kb:
        kb.ingest(source)
        with rechunked(kb, {"ingest.chunk_tokens": 32}) as other:
            assert other.encrypted
            assert other.search("thermostat cover")
            files = [file.read_bytes() for file in other.path.rglob("*") if file.is_file()]
            assert files and not any(b"thermostat" in content for content in files)
            assert b"thermostat" in source.read_bytes()
        assert not (tmp_path / "kb" / ".tuning").exists()


def test_a_reranker_is_tried_where_its_model_is_there() -> None:
    config = Config()
    other = replace(config, embed=replace(config.embed, embedder="multilingual"))
    tried = [
        any("retrieve.reranker" in changes for changes in search_settings(settings, 60, graph=False))
        for settings in (config, other)
    ]
    assert tried == [True, False]


def test_too_few_questions_are_refused(folder: Path, qa: Path) -> None:
    with ragedge.open(folder) as kb, pytest.raises(ConfigError, match="at least 20"):
        tune(kb, from_questions(read_questions(qa))[:19], trials=2, budget=Budget())


def test_what_was_tried_and_found_lies_in_the_knowledge_base_alone(
    folder: Path, qa: Path, tmp_path: Path
) -> None:
    before = {path for path in tmp_path.rglob("*") if folder not in path.parents}
    assert run("tune", qa, "--kb", folder, "--trials", "2")[0] == 0
    assert {path for path in tmp_path.rglob("*") if folder not in path.parents} == before
    assert "settings tried" in run("tune", "--show", "--kb", folder)[1]


def test_questions_are_made_from_what_a_manual_offers(tmp_path: Path, home_with_embedder: Path) -> None:
    manual = (
        "# Cooling fan service\n\n1. Switch off the engine.\n2. Unplug the fan motor.\n3. Lift it out.\n\n"
        "# Tightening torques\n\n| Fastener | Torque |\n| --- | --- |\n| Fan bolt | 9 N·m |\n| Pump bolt | 12 N·m |\n"
        "| Hose clamp | 3 N·m |\n\n# Notes on storage\n\n"
        "Keep the spare gaskets dry and flat in their sealed paper bag until the day they are fitted.\n"
    )
    (tmp_path / "fan.md").write_text(manual)
    with ragedge.open(tmp_path / "kb", create=True) as kb:
        kb.ingest(tmp_path / "fan.md")
        made = made_questions(kb)
        assert made == made_questions(kb)
        number = kb.store.learned.add_feedback("What else?", "fan.md", None, right=False)
        (wrong,) = from_feedback(kb.store.learned.feedback())
        assert number == 1
        assert wrong.avoid
    texts = {question.type: question.text for question in made}
    assert texts["table"].startswith("What is the torque of ")
    assert texts["steps"] == "How is this done: Cooling fan service?"
    assert set(texts) == {"heading", "table", "steps", "sentence"}
    assert {place.source for question in made for place in question.places} == {"fan.md"}


def test_a_longer_list_of_settings_begins_with_the_shorter() -> None:
    shorter, longer = (search_settings(Config(), count, graph=True) for count in (25, 40))
    assert longer[: len(shorter)] == shorter
    assert shorter[0] == {}
    assert any("index.ef_search" in settings for settings in longer)
