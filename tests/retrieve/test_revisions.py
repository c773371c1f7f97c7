"""Which revision replaces which."""

import pytest

from ragedge.index.rows import SourceRecord
from ragedge.retrieve.revisions import notes, revision_key, superseded


def record(source, title="Manual", **metadata):
    return SourceRecord(source, "", "text/plain", title, metadata, "", "", "", 1, 1)


def test_the_newest_revision_replaces_all_older_ones():
    records = [record("a", revision="A"), record("c", revision="Rev. C"), record("b", revision="revision B")]
    assert superseded(records) == {"a": "c", "b": "c"}


@pytest.mark.parametrize(
    ("older", "newer"),
    [("A", "B"), ("Z", "AA"), ("a", "B"), (1, 2), (9, 10), ("1.9", "1.10"), ("2", "2.1"), ("3a", "3b"),
     ("Rev 1", "2"), ("2023-11", "2024-02")],
)  # fmt: skip
def test_revisions_in_order(older, newer):
    assert superseded([record("new", revision=newer), record("old", revision=older)]) == {"old": "new"}


def test_dates_order_where_there_are_no_revisions():
    records = [record("old", effective_date="2023-05-01"), record("new", effective_date="2024-01-15")]
    assert superseded(records) == {"old": "new"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"revision": "A", "model": "X1"}, {"revision": "B", "model": "X2"}),
        ({"revision": "A", "market": "EU"}, {"revision": "B", "market": "US"}),
        ({"revision": "A", "year": 2020}, {"revision": "B", "year": 2021}),
        ({"revision": "A", "document": "TM-1"}, {"revision": "B", "document": "TM-2"}),
        ({"revision": "A"}, {}),
        ({"revision": "draft"}, {"revision": "B"}),
        ({"revision": 2}, {"revision": "B"}),
        ({"revision": "B"}, {"revision": "b"}),
    ],
)
def test_what_is_not_plainly_a_newer_one_replaces_nothing(one, other):
    assert superseded([record("one", **one), record("other", **other)]) == {}


def test_documents_without_a_name_are_not_taken_for_one_another():
    assert superseded([record("a", "", revision="A"), record("b", "", revision="B")]) == {}
    same = {"document": "TM-1"}
    assert superseded([record("a", "Old title", revision="A", **same), record("b", "", revision="B", **same)])


def test_nothing_stated_has_no_key():
    assert revision_key({"model": "X1"}) is None


def test_notes_name_both_sides():
    records = {r.source: r for r in (record("old.md", revision="A"), record("new.md", revision="B"))}
    replaced = superseded(records.values())
    assert notes(replaced, records, "new.md") == ["new.md (revision B) replaces old.md (revision A)"]
    assert notes(replaced, records, "old.md") == ["old.md (revision A) was replaced by new.md (revision B)"]
