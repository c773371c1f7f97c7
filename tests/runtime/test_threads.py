import os

import pytest

from ragedge.runtime import threads


def test_a_configured_number_is_taken_as_it_is():
    assert threads.thread_count(7) == 7


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_automatic_takes_the_usable_cores_at_most_four(monkeypatch, cores, expected):
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    assert threads.thread_count(0) == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the platform has no affinity")
def test_usable_cores_follow_the_affinity():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert threads.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert threads.usable_cores() == len(before)


def test_negative_is_refused():
    with pytest.raises(ValueError, match="-1"):
        threads.thread_count(-1)
