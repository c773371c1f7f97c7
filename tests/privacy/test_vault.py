"""The vault: whole files or none, one writer, clear refusals."""

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from ragedge.errors import BusyError, DamagedError, KnowledgeBaseNotFoundError, StoreError
from ragedge.privacy import vault as vault_module
from ragedge.privacy.vault import DATABASE, Vault


@pytest.fixture
def vault(tmp_path):
    return Vault.open(tmp_path / "kb", create=True)


def test_a_missing_folder_is_not_made_by_opening(tmp_path):
    with pytest.raises(KnowledgeBaseNotFoundError, match="no knowledge base at") as caught:
        Vault.open(tmp_path / "none")
    assert "ragedge ingest" in caught.value.hint
    assert not (tmp_path / "none").exists()


def test_a_file_is_refused(tmp_path):
    (tmp_path / "manual.pdf").write_bytes(b"%PDF")
    for create in (False, True):
        with pytest.raises(StoreError, match="is a file"):
            Vault.open(tmp_path / "manual.pdf", create=create)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.docx").write_bytes(b"")
    with pytest.raises(StoreError, match="1 other file"):
        Vault.open(tmp_path, create=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thesis.docx"]


def test_a_folder_that_holds_settings_alone_is_taken(tmp_path):
    (tmp_path / "ragedge.toml").write_text("[index]\n")
    assert Vault.open(tmp_path, create=True).read("ragedge.toml") == b"[index]\n"


def test_another_applications_database_is_refused(tmp_path):
    other = sqlite3.connect(tmp_path / DATABASE)
    other.execute("CREATE TABLE mail (body)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="another application"):
        Vault.open(tmp_path).connect()


def test_a_file_that_is_no_database_is_damaged(tmp_path):
    (tmp_path / DATABASE).write_bytes(
        b"not a database, but long enough to have a header of a hundred bytes" * 4
    )
    with pytest.raises(DamagedError, match="damaged"):
        Vault.open(tmp_path).connect()


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_nobody_else_may_read(vault):
    vault.write_atomic("sessions/one.bin", b"x")
    vault.connect().close()
    with vault.writer():
        pass
    for path in (vault.path, *vault.path.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_writing_replaces_whole(vault):
    for content in (b"first", b"", b"second" * 1000):
        vault.write_atomic("index.hnsw", content)
        assert vault.read("index.hnsw") == content
    vault.delete("index.hnsw")
    vault.delete("index.hnsw")
    assert not vault.exists("index.hnsw")
    with pytest.raises(FileNotFoundError):
        vault.read("index.hnsw")
    assert list(vault.path.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "", "a/../../b", "a\\b", "a\0b"])
def test_names_stay_inside(vault, name):
    with pytest.raises(ValueError, match="inside a knowledge base"):
        vault.write_atomic(name, b"")


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_content(vault, monkeypatch, where):
    vault.write_atomic("tuned.json", b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, where, full)
    with pytest.raises(StoreError, match="full") as caught:
        vault.write_atomic("tuned.json", b"new")
    assert "nothing was lost" in caught.value.hint
    assert vault.read("tuned.json") == b"old"
    assert [p.name for p in vault.path.iterdir()] == ["tuned.json"]


def test_the_writer_lock_is_reentrant_in_a_thread_and_shuts_out_others(vault):
    other = Vault.open(vault.path, create=True, lock_timeout_s=0.1)
    refused = []

    def try_both():
        for one in (other, Vault(vault.path, lock_timeout_s=0.1)):
            try:
                with one.writer():
                    pass
            except BusyError as exc:
                refused.append(exc)

    with vault.writer(), vault.writer():
        thread = threading.Thread(target=try_both)
        thread.start()
        thread.join()
    assert len(refused) == 2
    assert "then run the command again" in refused[0].hint
    with other.writer():
        pass


def test_another_process_waits_and_a_killed_one_lets_go(vault):
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import time
            from ragedge.privacy.vault import Vault
            with Vault.open({str(vault.path)!r}, create=True).writer():
                print("held", flush=True)
                time.sleep(60)
        """)],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BusyError), Vault(vault.path, lock_timeout_s=0.2).writer():
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with vault.writer():
        pass


def test_the_database_keeps_no_temporary_files_and_waits_for_nobody(vault):
    connection = vault.connect()
    names = ("journal_mode", "temp_store", "secure_delete", "foreign_keys", "synchronous", "trusted_schema")
    pragmas = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    connection.close()
    assert pragmas == {
        "journal_mode": "wal", "temp_store": 2, "secure_delete": 1, "foreign_keys": 1, "synchronous": 2,
        "trusted_schema": 0,
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no file that is open")
def test_what_a_killed_process_left_is_cleared_and_what_is_under_way_stays(vault):
    torn, young, at_work = (vault.path / f".writing-{name}" for name in ("torn", "young", "work"))
    for path in (torn, young, at_work):
        path.write_bytes(b"half")
    for path in (torn, at_work):
        os.utime(path, (1e9, 1e9))
    with at_work.open("rb+") as file:
        assert vault_module._try_lock(file.fileno())
        with vault.writer():
            pass
        assert not torn.exists()
        assert young.exists()
        assert at_work.exists()


def test_a_read_only_medium_can_be_read(vault, monkeypatch):
    connection = vault.connect()
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (7)")
    connection.close()
    # Whoever runs as root may write anywhere, so the answer of access() is what is changed.
    monkeypatch.setattr(vault_module.os, "access", lambda *_: False)
    medium = Vault.open(vault.path)
    before = sorted(p.name for p in vault.path.iterdir())
    connection = medium.connect()
    assert connection.execute("SELECT x FROM t").fetchone() == (7,)
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("INSERT INTO t VALUES (8)")
    connection.close()
    with pytest.raises(StoreError, match="cannot be written"), medium.writer():
        pass
    assert sorted(p.name for p in vault.path.iterdir()) == before
