"""Conversations on the real default models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ragedge
from ragedge.errors import SessionNotFoundError
from ragedge.question_text import checked_name

CAR = """# Engine oil

The petrol engine takes 4.2 L of oil with a filter change. Use only SAE 0W-20 in the petrol engine.

The diesel engine takes 5.6 L of oil with a filter change. Use only SAE 5W-30 in the diesel engine.

# Drain plug

The drain plug of the petrol engine is tightened to 28 N·m. The drain plug of the diesel engine is tightened to 34 N·m.
"""
PUMP = """# Pump P-100

Fill the gearbox of the pump with 1.8 litres of Brakta G4 oil.
"""
QUESTION = "How much oil does the petrol engine take?"


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, minilm_dir: Path) -> Path:
    folder = tmp_path_factory.mktemp("manuals")
    (folder / "car.md").write_text(CAR, encoding="utf-8")
    (folder / "pump.md").write_text(PUMP, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(minilm_dir.parent.parent))
        with ragedge.open(folder / "kb", create=True, settings={"generate.calibrate": False}) as kb:
            kb.ingest(folder / "car.md", folder / "pump.md")
    return folder / "kb"


@pytest.fixture
def kb_path(tmp_path: Path, ingested: Path, home_with_models: Path) -> Path:
    return Path(shutil.copytree(ingested, tmp_path / "kb"))


def quoting(path: Path) -> ragedge.KnowledgeBase:
    return ragedge.open(path, settings={"generate.generator": "none", "generate.abstain_below": 0.0})


def test_a_follow_up_is_answered_for_its_own_subject(kb_path: Path) -> None:
    with quoting(kb_path) as kb:
        assert "4.2 L" in kb.ask(QUESTION, session="garage").text
        assert "5.6 L" in kb.ask("and for the diesel?", session="garage").text
        first, second = kb.conversations.turns("garage")
    assert first.whole == first.asked == QUESTION
    assert second.asked == "and for the diesel?"
    assert second.whole == "How much oil does the diesel engine take?"
    assert first.sources == ("car.md",)
    assert first.finished


def test_sessions_do_not_hear_each_other_and_outlive_the_process(kb_path: Path) -> None:
    with quoting(kb_path) as kb:
        kb.ask(QUESTION, session="one")
        kb.ask("How much oil goes into the pump?", session="two")
    with quoting(kb_path) as kb:
        assert kb.conversations.names() == ["one", "two"]
        assert "5.6 L" in kb.ask("and for the diesel?", session="one").text
        kb.conversations.clear("two")
        assert kb.conversations.names() == ["one"]
        with pytest.raises(SessionNotFoundError):
            kb.conversations.turns("two")
        kb.conversations.clear("two")


@pytest.mark.parametrize("name", ["", "a b", "../x", ".hidden", "x" * 65, "ä"])
def test_a_name_that_no_session_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a session's name"):
        checked_name(name)


def test_an_empty_name_is_refused_too(kb_path: Path) -> None:
    with quoting(kb_path) as kb, pytest.raises(ValueError, match="a session's name"):
        kb.ask(QUESTION, session="")


def test_removing_a_document_takes_its_turns_along(kb_path: Path) -> None:
    with quoting(kb_path) as kb:
        kb.ask("How much oil goes into the pump?", session="mixed")
        kb.ask(QUESTION, session="mixed")
        kb.remove("pump.md")
        assert [turn.sources for turn in kb.conversations.turns("mixed")] == [("car.md",)]
    for file in kb_path.rglob("*"):
        assert b"Brakta" not in file.read_bytes(), file.name


def test_what_the_model_read_is_kept_for_another_process(kb_path: Path) -> None:
    settings = {"generate.prompt_fill": "passages", "generate.abstain_below": 0.0}
    with ragedge.open(kb_path, settings=settings) as kb:
        first = kb.ask(QUESTION, session="garage", max_new_tokens=8)
        assert first.timings.prompt_tokens > 50
    assert (kb_path / "session-garage.context").stat().st_size > 1_000_000
    with ragedge.open(kb_path, settings=settings) as kb:
        second = kb.ask("and for the diesel?", session="garage", max_new_tokens=8)
        assert second.timings.cached_tokens > 0.6 * second.timings.prompt_tokens
        kb.remove("car.md")
        assert kb.conversations.turns("garage") == []
    assert not (kb_path / "session-garage.context").exists()
    for file in kb_path.rglob("*"):
        assert b"0W-20" not in file.read_bytes(), file.name


def test_a_context_of_another_model_is_refused_and_the_prompt_read_anew(kb_path: Path) -> None:
    settings = {"generate.abstain_below": 0.0}
    with ragedge.open(kb_path, settings=settings) as kb:
        kb.ask(QUESTION, session="garage", max_new_tokens=8)
        generator = kb._parts.generator_if_any()
        generator.fingerprint = "0" * 64
    with ragedge.open(kb_path, settings=settings) as kb:
        answer = kb.ask(QUESTION, session="garage", max_new_tokens=8)
    assert any("was made by" in line for line in answer.degraded)
    assert "4.2 L" in answer.text


def test_a_stopped_answer_is_remembered_as_far_as_it_came(kb_path: Path) -> None:
    with quoting(kb_path) as kb:
        stream = kb.stream(QUESTION, session="garage")
        next(iter(stream))
        stream.close()
        (turn,) = kb.conversations.turns("garage")
    assert not turn.finished
    assert turn.answer
    assert turn.asked == QUESTION


def test_the_command_line_keeps_a_session(kb_path: Path) -> None:
    def ask(*arguments: str, text: str | None = None) -> str:
        return subprocess.run(
            [sys.executable, "-m", "ragedge", *arguments, "--kb", str(kb_path)],
            capture_output=True, text=True, check=True, timeout=120, input=text, env=dict(os.environ),
        ).stdout  # fmt: skip

    options = ("--generator", "none", "--set", "generate.abstain_below=0", "--json")
    ask("ask", QUESTION, "--session", "cli", *options)
    assert "5.6 L" in json.loads(ask("ask", "and for the diesel?", "--session", "cli", *options))["text"]
    line = json.dumps({"question": "And the drain plug torque of the diesel?", "session": "cli"})
    assert "34 N·m" in json.loads(ask("ask", "-", *options, text=line + "\n"))["text"]
