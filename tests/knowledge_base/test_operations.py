"""Seeded tenths of benchmarks/kill_operations.py and benchmarks/full_disk.py, two writers, and a clock that jumps."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


kill_operations = load("kill_operations")
full_disk = load("full_disk")


def test_a_few_kills(tmp_path, home_with_embedder):
    rows = kill_operations.run(3, seed=5, log=tmp_path / "kills.jsonl")
    assert [row for row in rows if row["wrong"]] == []
    assert kill_operations.run(3, seed=5, log=tmp_path / "kills.jsonl") == rows  # taken from the log


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_tenth_of_the_kills(tmp_path, home_with_embedder):
    rows = kill_operations.run(21, seed=11, log=tmp_path / "kills.jsonl")
    assert [row for row in rows if row["wrong"]] == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_tenth_of_the_full_disks(tmp_path, home_with_embedder):
    rows = full_disk.run(list(full_disk.OPERATIONS), 2, tmp_path / "full.jsonl")
    assert [row for row in rows if row["wrong"]] == []
    assert any(row["said"] == "full" for row in rows)


@pytest.mark.slow
def test_two_writers_and_a_reader(tmp_path):
    """Writers take turns; a reader sees whole states, and every verdict of both is there in the end."""
    operations = kill_operations.OPERATIONS
    from operations import fresh, opened, prepare

    prepare(tmp_path)
    fresh(tmp_path, operations["feedback"], tmp_path / "at" / "kb")
    body = (
        "for i in range(25):\n"
        "    kb.store.learned.add_feedback(f'{}{{i}}', 'unit-01.md', 1, right=True)\n    done(i)\nkb.close()\n"
    )
    writers = [
        operations["feedback"]
        .__class__(body.format(name), operations["feedback"].check)
        .start(tmp_path / "at" / "kb", tmp_path)
        for name in "ab"
    ]
    with opened(tmp_path / "at" / "kb") as kb:
        while any(writer.poll() is None for writer in writers):
            found = [item.question for item in kb.store.learned.feedback()]
            assert len(set(found)) == len(found)
            assert kb.search("valve of the unit")
    for writer in writers:
        _, err = writer.communicate()
        assert writer.returncode == 0, err
    with opened(tmp_path / "at" / "kb") as kb:
        assert {item.question for item in kb.store.learned.feedback()} == {
            f"{a}{i}" for a in "ab" for i in range(25)
        }
        kb.verify_rows()


def test_a_clock_that_jumps_back_loses_nothing(tmp_path, monkeypatch):
    import datetime

    from operations import opened, prepare

    prepare(tmp_path)
    with opened(tmp_path / "plain") as kb:
        kb.store.learned.add_feedback("first", "unit-01.md", 1, right=True)

    class Earlier(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(1970, 1, 2, tzinfo=tz)

    from ragedge.index import learned

    monkeypatch.setattr(learned.datetime, "datetime", Earlier)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    with opened(tmp_path / "plain") as kb:
        kb.store.learned.add_feedback("second", "unit-01.md", 1, right=True)
        kb.remove("unit-02.md")
    with opened(tmp_path / "plain") as kb:
        assert [item.question for item in kb.store.learned.feedback()] == ["first", "second"]
        assert kb.status()["documents"] == 23
        kb.verify_rows()


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a read-only medium takes root")
def test_a_read_only_medium_answers(tmp_path):
    from operations import fresh, opened, prepare

    from ragedge.errors import StoreError

    prepare(tmp_path)
    with full_disk.small_disk(tmp_path / "disk") as disk:
        fresh(tmp_path, kill_operations.OPERATIONS["put"], disk / "at" / "kb")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with opened(disk / "at" / "kb") as kb:
            assert kb.store.vault.read_only
            assert kb.search("valve of unit 3")
            assert kb.ask("By how many degrees is the valve of unit 3 turned?").text
            with pytest.raises(StoreError, match="cannot be written"):
                kb.remove("unit-03.md")
