"""Seeded parts of benchmarks/bit_flips.py: no bit that turns, and no page that is lost, reaches an answer unseen."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import bit_flips

DATABASES = ("database", "encrypted database", "index", "encrypted index", "keys")


def bad(rows):
    return [row for row in rows if row["outcome"] in ("missed", "crashed")]


def test_a_few_flips(tmp_path, home_with_embedder):
    rows = bit_flips.run(8, seed=5, log=tmp_path / "flips.jsonl", targets=DATABASES)
    assert bad(rows) == []
    assert sum(row["outcome"] == "found" for row in rows) >= 6
    again = bit_flips.run(8, seed=5, log=tmp_path / "flips.jsonl", targets=DATABASES)
    assert again == rows  # taken from the log


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("kind", "count"), [("bit", 50), ("page", 20)])
def test_a_tenth_of_the_flips(tmp_path, monkeypatch, home_with_models, kind, count):
    rows = bit_flips.run(count, seed=11, log=tmp_path / "flips.jsonl", kind=kind)
    assert len(rows) == count
    assert bad(rows) == []


def test_a_few_flips_of_bundles_and_what_is_installed(tmp_path, home_with_embedder):
    rows = bit_flips.run(6, seed=3, log=tmp_path / "flips.jsonl", targets=("bundle", "slots"))
    assert bad(rows) == []
    assert {row["target"] for row in rows} == {"bundle", "slots"}
    assert all(row["outcome"] == "found" for row in rows if row["target"] == "bundle")
