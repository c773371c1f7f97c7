"""A tenth of benchmarks/kills.py, with its own seed: what SIGKILL leaves of an ingest."""

import importlib.util
from pathlib import Path

import pytest

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "kills.py"
_SPEC = importlib.util.spec_from_file_location("benchmark_kills", _PATH)
kills = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(kills)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_after_any_kill_the_next_ingest_reaches_the_same_content(tmp_path, home_with_models):
    rows = kills.run(20, seed=7, log=tmp_path / "kills.jsonl")
    assert len(rows) == 20
    assert [row for row in rows if not row["ok"]] == []
    assert {row["kind"] for row in rows} == {"new", "over"}


def test_a_run_that_was_stopped_is_taken_up_where_it_was(tmp_path, monkeypatch):
    done: list[int] = []

    class Recorded:
        def __init__(self, scratch, workers):
            pass

        def kill(self, number, chance):
            done.append(number)
            return {"kill": number, "ok": True, "drawn": chance.random()}

    monkeypatch.setattr(kills, "Bench", Recorded)
    log = tmp_path / "kills.jsonl"
    whole = kills.run(5, seed=3, log=tmp_path / "whole.jsonl")
    kills.run(2, seed=3, log=log)
    assert kills.run(5, seed=3, log=log) == whole
    assert done == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
