"""A bounded, seeded run of the fuzzers of benchmarks/fuzz.py, and every finding of theirs again."""

import random

import pytest
from fuzz_targets import CORPUS, TARGETS, finding, mutated, seeds_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = {"pdf": 12, "docx": 12}


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name):
    for seed in TARGETS[name].seeds():
        assert finding(name, seed) is None


def test_a_finding_would_be_seen(monkeypatch):
    def broken(data):
        return data[10**9]

    monkeypatch.setitem(TARGETS, "csv", TARGETS["csv"].__class__(broken, TARGETS["csv"].seeds))
    assert finding("csv", b"a").startswith("IndexError in ")


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=f"{path.parent.name}-{path.name}") for path in sorted(CORPUS.glob("*/*"))]
)
def test_what_was_found_once_is_read_or_refused(path):
    assert finding(path.parent.name, path.read_bytes()) is None


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files_raise_nothing_but_our_own(name):
    @settings(max_examples=FEW.get(name, 40), deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(number=st.integers(0, 1 << 48))
    def run(number):
        data = mutated(name, random.Random(number))
        assert finding(name, data) is None, data[:2000]

    run()


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_more_of_them(name):
    for number in range(1500):
        assert finding(name, mutated(name, random.Random(f"slow-{number}"))) is None, number


def test_seeds_are_the_same_each_time():
    assert mutated("html", random.Random(3)) == mutated("html", random.Random(3))
    assert len(seeds_of("html")) >= 1
