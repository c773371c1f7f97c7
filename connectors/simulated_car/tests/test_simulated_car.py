"""The tool passes its contract, and an answer holds its reading beside the manual's limits."""

import pytest

import ragedge
from ragedge.errors import ConfigError
from ragedge.testing.tool_contract import ToolContract

pytest.importorskip("ragedge_simulated_car", reason="pip install -e connectors/simulated_car")
pytest.importorskip("llguidance", reason="pip install -e connectors/simulated_car")

from ragedge_simulated_car import create

MANUAL = """# Tyres

The cold pressure of the front tyres is 240 kPa. The cold pressure of the rear tyres is 260 kPa.

# Oil

The engine takes 4.2 L of oil.
"""
QUESTION = "What pressure do the front tyres need?"


class TestTyrePressures(ToolContract):
    plugin = "tyre_pressures"

    @pytest.fixture
    def arguments(self):
        return {"axle": "all"}


@pytest.fixture
def ask(tmp_path, home_with_models):
    (tmp_path / "manual.md").write_text(MANUAL, encoding="utf-8")
    with ragedge.open(tmp_path / "kb", create=True, settings={"generate.calibrate": False}) as kb:
        kb.ingest(tmp_path / "manual.md")

    def answer(question, *tools):
        settings = {"generate.tools": list(tools), "generate.abstain_below": 0.0}
        with ragedge.open(tmp_path / "kb", settings=settings) as kb:
            return kb.ask(question, max_new_tokens=24)

    return answer


def test_the_reading_stands_beside_the_manuals_limit(ask):
    answer = ask(QUESTION, "tyre_pressures")
    assert "240 kPa" in answer.sentences[0].text
    assert answer.sentences[0].origin == "quote"
    readings = [sentence for sentence in answer.sentences if sentence.origin == "tool"]
    assert [reading.citations for reading in readings] == [()]
    assert readings[0].text.startswith("tyre_pressures: ")
    assert "196 kPa" in readings[0].text
    assert answer.grounded


def test_without_its_name_in_the_settings_nothing_is_called(ask, monkeypatch):
    monkeypatch.setattr("ragedge_simulated_car.TyrePressures.call", None)
    assert all(sentence.origin != "tool" for sentence in ask(QUESTION).sentences)


def test_a_question_of_something_else_calls_nothing(ask):
    answer = ask("How much oil does the engine take?", "tyre_pressures")
    assert all(sentence.origin != "tool" for sentence in answer.sentences)


def test_options_are_refused():
    with pytest.raises(ConfigError, match="unknown option 'unit'"):
        create({"unit": "psi"})
