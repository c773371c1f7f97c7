"""The seal on a plain database: what no row's digest covers is found before anything is searched in it."""

import logging
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import ragedge
from ragedge.errors import DamagedError
from ragedge.index import seal
from ragedge.privacy.vault import DATABASE
from ragedge.testing.hash_embedder import HashEmbedder

MANUAL = "# Pump\n\nThe drain plug takes 35 N·m.\n\n# Fan\n\nThe fan belt is changed after 900 hours.\n"


def opened(path, **options):
    kb = ragedge.open(path, settings={"generate.generator": "none"}, **options)
    kb._parts._embedder = HashEmbedder()
    return kb


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def folder(made, tmp_path, home_with_embedder):
    """A small knowledge base, ingested once and copied for each test."""
    if not (made / "kb").exists():
        (made / "manual.md").write_text(MANUAL)
        with opened(made / "kb", create=True) as kb:
            kb.ingest(made / "manual.md")
            kb.store.learned.set_values("tuned", {"retrieve.top_k": 2})
    shutil.copytree(made / "kb", tmp_path / "kb")
    return tmp_path / "kb"


def flip(path, where, instead):
    """Change bytes of the database, as a medium that rots does."""
    content = (path / DATABASE).read_bytes()
    assert where in content
    (path / DATABASE).write_bytes(content.replace(where, instead))


def raw(path, *statements):
    with closing(sqlite3.connect(path / DATABASE, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


DROPPED = "UPDATE fts_docsize SET sz = zeroblob(length(sz))"


def test_a_changed_full_text_is_found_and_mended_by_the_command_that_the_error_names(folder):
    raw(folder, DROPPED)
    with opened(folder) as kb:
        with pytest.raises(DamagedError, match="not as it was written") as caught:
            kb.search("drain plug torque")
        assert caught.value.hint == f"ragedge index rebuild --kb {folder}"
        assert kb.status()["documents"] == 1  # what reads no word of it goes on
    with opened(folder) as kb:  # closing has not blessed it
        kb.rebuild_index()
    with opened(folder) as kb:
        assert kb.search("drain plug torque")[0].source == "manual.md"
        kb.verify_rows()


def test_a_change_of_ours_on_top_does_not_hide_it_but_mends_it(folder):
    with opened(folder) as kb:
        whole = kb.search("drain plug torque")[0].score
    raw(folder, DROPPED)
    with opened(folder) as kb:
        kb.store.learned.set_note("a", 1)
        assert kb.store.wholeness.seal.is_broken
    with opened(folder) as kb:
        assert kb.search("drain plug torque")[0].score == whole
        assert not kb.store.wholeness.seal.is_broken


def test_removing_the_damaged_document_mends_it_whole(folder, made):
    flip(folder, b"takes 35", b"takes 36")
    with opened(folder) as kb:
        with pytest.raises(DamagedError, match=r"manual\.md"):
            kb.search("drain plug torque")
        kb.remove("manual.md")
        kb.ingest(made / "manual.md")
    with opened(folder) as kb:
        assert "35 N·m" in kb.search("drain plug torque")[0].text
        assert not kb.store.wholeness.seal.is_broken


@pytest.mark.parametrize(("table", "key"), [("tuned", "retrieve.top_k"), ("manifest", "generation")])
def test_what_is_noted_is_checked_too(folder, table, key):
    raw(folder, f"UPDATE {table} SET value = '9' WHERE key = '{key}'")
    with pytest.raises(DamagedError, match="damaged on the disk"), opened(folder) as kb:
        kb.search("drain plug torque")


def test_damaged_tuned_values_are_left_out_and_reset(folder, caplog):
    raw(folder, "UPDATE tuned SET value = '9'")
    with caplog.at_level(logging.WARNING), opened(folder) as kb:
        assert kb.config.retrieve.top_k == 5
        assert "tune --reset" in caplog.text
        assert kb.store.learned.clear("tuned") == ["retrieve.top_k"]
    with opened(folder) as kb:
        assert kb.search("drain plug torque")


def test_a_damaged_verdict_names_its_number(folder):
    with opened(folder) as kb:
        number = kb.store.learned.add_feedback("What torque?", "manual.md", None, right=True)
    raw(folder, "UPDATE feedback SET is_right = 0")
    with opened(folder) as kb:
        with pytest.raises(DamagedError) as caught:
            kb.store.learned.feedback()
        assert caught.value.hint == f"ragedge feedback remove {number}"
        assert kb.store.learned.remove_feedback(number)
        assert kb.store.learned.feedback() == []


def test_a_row_that_is_gone_is_missed(folder):
    raw(folder, "DELETE FROM vectors WHERE id = (SELECT max(id) FROM vectors)")
    with opened(folder) as kb, pytest.raises(DamagedError, match=r"a row of 'manual\.md'"):
        kb.verify_rows()


def test_a_killed_writer_leaves_it_open_and_the_next_change_seals_it(folder):
    with opened(folder) as kb:
        kb.store.learned.set_note("a", 1)
        kb.store._connections.close()  # as a kill would: nothing is sealed
    with opened(folder) as kb:
        assert kb.search("drain plug torque")
        assert not kb.store.wholeness.seal.is_broken
    raw(folder, DROPPED)
    with opened(folder) as kb, pytest.raises(DamagedError):
        kb.search("drain plug torque")


def test_a_damaged_seal_says_nothing_and_is_made_anew(folder):
    (folder / seal.FILE).write_bytes(b"\xff" + (folder / seal.FILE).read_bytes()[1:])
    with opened(folder) as kb:
        assert kb.search("drain plug torque")
    raw(folder, DROPPED)
    with opened(folder) as kb, pytest.raises(DamagedError):
        kb.search("drain plug torque")


def test_a_second_process_that_closes_leaves_the_log_to_the_first(folder):
    """A connection that opened and closed the database's file would have dropped the first one's locks."""
    with opened(folder) as kb:
        kb.store.learned.set_note("a", 1)
        with kb.store._connections.read(), kb.store._connections.read():
            pass  # two connections of one process
        log = folder / f"{DATABASE}-wal"
        before = log.stat().st_ino
        subprocess.run(
            [sys.executable, "-c", "import ragedge, sys; ragedge.open(sys.argv[1]).close()", str(folder)],
            check=True,
        )
        assert log.stat().st_ino == before
        kb.store.learned.set_note("a", 2)
    with opened(folder) as kb:
        assert kb.store.learned.note("a") == 2


def test_the_file_is_read_in_place_and_gives_what_a_copy_gives(folder, monkeypatch):
    """And not while a transaction stands in the log that this one does not see."""
    with opened(folder) as kb, kb.store._connections.read() as connection:
        stamp = seal.manifest.stamp_of(connection)
        pages = connection.serialize()
        in_place = kb.store.wholeness.seal._digest_in_place(len(pages), stamp)
        assert in_place == seal.hashlib.blake2b(pages, digest_size=32).hexdigest()
        with opened(folder) as other:
            other.store.learned.set_note("a", 1)
        assert kb.store.wholeness.seal._digest_in_place(len(pages), stamp) is None
        assert kb.store.wholeness.seal._digest(connection, stamp) == in_place  # of what this transaction sees
    monkeypatch.setattr(seal, "LARGEST_COPY", 0)  # no copy is needed by whoever is alone
    raw(folder, DROPPED)
    with opened(folder) as kb, pytest.raises(DamagedError):
        kb.search("drain plug torque")


def test_descriptors_of_the_database_are_left_as_they_were(folder):
    with opened(folder) as kb:
        kb.search("drain plug torque")
        before = sorted(Path("/dev/fd").iterdir())
        with kb.store._connections.read() as connection:
            assert kb.store.wholeness.seal._digest(connection, seal.manifest.stamp_of(connection))
        assert sorted(Path("/dev/fd").iterdir()) == before
