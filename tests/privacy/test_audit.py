"""The audit log: every way of tampering is found, no word of content stands in it, and crashes leave it whole."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner

import ragedge
from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.errors import StoreError
from ragedge.index.audit import BROKEN
from ragedge.index.store import Store
from ragedge.privacy import audit_seals, key_changes
from ragedge.privacy.audit_chain import Head
from ragedge.privacy.keys import Secret
from ragedge.privacy.vault import DATABASE, Vault

KEY = bytes(range(32))
CANARY = "zyxquorvane"
ON = {"privacy.audit": True, "generate.generator": "none"}


@pytest.fixture
def store(tmp_path):
    """An empty knowledge base with a log of six records."""
    made = Store.create(
        Vault.open(tmp_path / "kb", create=True), embedder_name="e", fingerprint="f" * 64, dim=4
    )
    for number in range(6):
        made.audit.append("search", lambda digest, n=number: {"question": digest("question", f"q{n}")})
    yield made
    made.close()


def tampered(store, *statements):
    """Change rows as somebody would who gets at the folder alone."""
    with sqlite3.connect(store.vault.path / DATABASE) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def failed(store, **options):
    return {check.name: check.detail for check in store.audit.verify(**options) if not check.ok}


def test_a_whole_log_passes(store):
    assert failed(store) == {}
    assert [record.number for record in store.audit.records()] == [1, 2, 3, 4, 5, 6]


TAMPERINGS = {
    "an action": ["UPDATE audit SET body = replace(body, 'search', 'nothing') WHERE id = 3"],
    "a time": ["UPDATE audit SET body = replace(body, '20', '19') WHERE id = 6"],
    "no JSON any more": ["UPDATE audit SET body = 'x' WHERE id = 2"],
    "a tag": ["UPDATE audit SET tag = zeroblob(32) WHERE id = 4"],
    "the first dropped": ["DELETE FROM audit WHERE id = 1"],
    "one dropped": ["DELETE FROM audit WHERE id = 3"],
    "one dropped, the rest renumbered": [
        "DELETE FROM audit WHERE id = 3", "UPDATE audit SET id = id - 1 WHERE id > 3",
    ],
    "the last dropped": ["DELETE FROM audit WHERE id = 6"],
    "half cut off": ["DELETE FROM audit WHERE id > 3"],
    "all dropped": ["DELETE FROM audit"],
    "all dropped, and its name": ["DELETE FROM audit", "DELETE FROM manifest WHERE key = 'note.audit'"],
    "two exchanged": [
        "UPDATE audit SET id = 99 WHERE id = 2", "UPDATE audit SET id = 2 WHERE id = 4",
        "UPDATE audit SET id = 4 WHERE id = 99",
    ],
    "one doubled": ["INSERT INTO audit SELECT 7, log, body, tag FROM audit WHERE id = 6"],
    "one made up": ["INSERT INTO audit SELECT 7, log, body, randomblob(32) FROM audit WHERE id = 6"],
    "another log's name": ["UPDATE audit SET log = 'ffffffffffffffffffffffffffffffff' WHERE id = 5"],
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found(store, name):
    tampered(store, *TAMPERINGS[name])
    assert failed(store)
    # Nor does the log hide it once it goes on.
    store.audit.append("search", lambda _: {})
    assert failed(store)


def test_an_older_copy_of_the_whole_log_is_found(store, tmp_path):
    older = (
        (store.vault.path / DATABASE).read_bytes(),
        *(path.read_bytes() for path in store.vault.path.glob(f"{DATABASE}-wal")),
    )
    store.close()
    before = Store.open(Vault.open(store.vault.path))
    before.close()  # folds the log of the database into it
    older = (store.vault.path / DATABASE).read_bytes()
    later = Store.open(Vault.open(store.vault.path))
    later.audit.append("search", lambda _: {})
    noted = later.audit.head()
    later.close()
    (store.vault.path / DATABASE).write_bytes(older)
    replayed = Store.open(Vault.open(store.vault.path))
    assert "7 records were sealed; the log has 6" in failed(replayed)["seal"]
    assert failed(replayed, expected=noted)["expected"]
    replayed.audit.append("search", lambda _: {})
    assert BROKEN in [record.facts["action"] for record in replayed.audit.records()]
    assert "record 7" in failed(replayed)["records"]
    replayed.close()


def test_without_its_seal_or_key_the_log_says_that_it_cannot_tell(store, isolated_environment):
    seal = next((isolated_environment / "audit").glob("*.seal"))
    kept = seal.read_bytes()
    seal.unlink()
    assert "would not be seen" in failed(store)["seal"]
    noted = store.audit.head()
    assert "expected" not in failed(store, expected=noted)
    seal.write_bytes(kept.replace(b"6:", b"5:"))
    assert failed(store)["seal"]
    seal.write_bytes(b"{")
    assert "damaged" in failed(store)["seal"]
    seal.write_bytes(kept)
    assert failed(store) == {}
    next((isolated_environment / "audit").glob("*.key")).unlink()
    assert "cannot be checked" in failed(store)["chain"]
    store.audit.append("search", lambda _: {})  # under a new key: the log goes on, and says so
    assert "6 records cannot be checked" in failed(store)["chain"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_key_and_seal_are_their_owners_alone(store, isolated_environment):
    folder = isolated_environment / "audit"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_seal_that_a_killed_process_left_behind_is_no_alarm(store):
    log = store.audit.records()[0].log
    kept = audit_seals.kept_key(log)
    fifth = store.audit.records()[4]
    from ragedge.privacy.audit_chain import ChainKey

    audit_seals.keep_seal(log, store.vault.path.as_posix(), Head(5, fifth.tag), ChainKey(kept))
    assert failed(store) == {}
    store.audit.append("search", lambda _: {})
    assert failed(store) == {}
    assert audit_seals.kept_seal(log).head.count == 7


APPEND = """
import sys
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
store = Store.open(Vault.open(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    store.audit.append("search", lambda digest: {"question": digest("question", str(number))})
"""


def test_two_processes_append_in_turns(store):
    command = [sys.executable, "-c", APPEND, str(store.vault.path), "25"]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert store.audit.head().count == 56
    assert failed(store) == {}


@pytest.mark.parametrize(
    "after_s", [0.02, 0.055, *(pytest.param(s / 100, marks=pytest.mark.slow) for s in range(1, 40, 3))]
)
def test_a_process_killed_while_it_appends_leaves_a_whole_log(store, after_s):
    with subprocess.Popen(
        [sys.executable, "-c", APPEND, str(store.vault.path), "100000"], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    assert failed(store) == {}
    store.audit.append("search", lambda _: {})
    assert failed(store) == {}


def test_a_head_that_is_none_is_refused():
    for text in ("", "3", "3:zz", "-1:" + "00" * 32, "3:00"):
        with pytest.raises(ValueError):
            Head.parse(text)


# Through the knowledge base


@pytest.fixture
def manual(tmp_path):
    path = tmp_path / f"{CANARY}.md"
    path.write_text(
        f"# Pump\n\nThe drain plug of the {CANARY} pump takes 35 N·m.\n\nLet the housing cool.\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("key", [None, KEY])
def test_what_is_done_is_recorded_and_nothing_that_was_said(tmp_path, manual, home_with_embedder, key):
    question = f"What torque does the {CANARY} drain plug take?"
    with ragedge.open(tmp_path / "kb", create=True, settings=ON, key=key) as kb:
        kb.ingest(manual)
        kb.search(question)
        answer = kb.ask(question)
        with kb.stream(question) as stream:
            next(iter(stream))
        kb.inspect(manual.name)
        kb.rebuild_index()
        kb.remove(manual.name)
        records = [record.facts for record in kb.store.audit.records()]
        whole = json.dumps(records) + repr([record.tag for record in kb.store.audit.records()])
        assert failed(kb.store) == {}
        asked = kb.store.audit.digest("question", question)
    actions = [record["action"] for record in records]
    assert actions == [
        "audit on", "ingest", "search", "ask", "ask", "inspect", "index rebuild", "remove",
    ]  # fmt: skip
    assert [record["question"] for record in records[2:5]] == [asked] * 3
    assert records[3]["decision"]["method"] == answer.method
    assert [record["decision"]["closed"] for record in records[3:5]] == [False, True]
    assert records[1]["index"]["content"] != records[7]["index"]["content"]
    for word in (CANARY, "torque", "drain", "35", "manual", manual.name):
        if word != "35":  # a digest may hold two digits
            assert word not in whole
    outside = b"".join(path.read_bytes() for path in (home_with_embedder / "audit").iterdir())
    assert CANARY.encode() not in outside and b"torque" not in outside
    assert len(list((home_with_embedder / "audit").glob("*.key"))) == (0 if key else 1)


def test_switching_it_off_and_on_is_in_the_log(tmp_path, manual, home_with_embedder):
    with ragedge.open(tmp_path / "kb", create=True, settings=ON) as kb:
        kb.ingest(manual)
    off = {**ON, "privacy.audit": False}
    for settings in (off, off, ON):
        with ragedge.open(tmp_path / "kb", settings=settings) as kb:
            kb.search("torque")
    with ragedge.open(tmp_path / "kb", settings=ON) as kb:
        actions = [record.facts["action"] for record in kb.store.audit.records()]
    assert actions == ["audit on", "ingest", "audit off", "audit on", "search"]
    with ragedge.open(tmp_path / "never", create=True, settings=off) as kb:
        kb.ingest(manual)
        assert kb.store.audit.head().count == 0


def test_what_cannot_be_recorded_is_not_done(tmp_path, manual, home_with_embedder):
    with ragedge.open(tmp_path / "kb", create=True, settings=ON) as kb:
        kb.ingest(manual)
        kb._parts.vault.read_only = True
        for action in (lambda: kb.search("torque"), lambda: kb.ask("torque"), lambda: kb.ingest(manual)):
            with pytest.raises(StoreError, match="audit log is on"):
                action()


def test_the_log_lives_through_rotation_and_ends_with_the_key(tmp_path, manual, home_with_embedder):
    folder, secret = tmp_path / "kb", Secret.of(KEY)
    with ragedge.open(folder, create=True, settings=ON, key=KEY) as kb:
        kb.ingest(manual)
    key_changes.rotate(Vault.open(folder, secret=secret), secret)
    with ragedge.open(folder, settings=ON, key=KEY) as kb:
        kb.search("torque")
        assert failed(kb.store) == {}
        assert kb.store.audit.head().count == 3
    assert len(list((home_with_embedder / "audit").glob("*.seal"))) == 1
    key_changes.shred(folder)
    audit_seals.forget_folder(folder)
    assert list((home_with_embedder / "audit").iterdir()) == []


def test_a_copy_that_is_encrypted_keeps_the_records_and_begins_its_own_log(
    tmp_path, manual, home_with_embedder
):
    with ragedge.open(tmp_path / "kb", create=True, settings=ON) as kb:
        kb.ingest(manual)
    secret = Secret.of(KEY)
    key_changes.encrypt(Vault.open(tmp_path / "kb"), tmp_path / "sealed", secret)
    with ragedge.open(tmp_path / "sealed", settings=ON, key=KEY) as kb:
        kb.search("torque")
        assert failed(kb.store) == {}
        assert len({record.log for record in kb.store.audit.records()}) == 2
    with ragedge.open(tmp_path / "kb", settings=ON) as kb:
        kb.search("torque")
        assert failed(kb.store) == {}


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)

    def in_process(*arguments):
        done = CliRunner().invoke(cli, [*map(str, arguments)])
        return done.exit_code, done.stdout

    return in_process


def test_the_commands(tmp_path, manual, home_with_embedder, run):
    folder = tmp_path / "kb"
    with ragedge.open(folder, create=True, settings=ON) as kb:
        kb.ingest(manual)
        kb.search("What torque?")
        head = str(kb.store.audit.head())
    shown = json.loads(run("audit", "show", "--kb", folder, "--json", "--question", "What torque?")[1])
    assert [record["action"] for record in shown["records"]] == ["search"]
    assert list(shown["names"].values()) == [manual.name]
    assert manual.name in run("audit", "show", "--kb", folder)[1]
    status, shown = run("audit", "verify", "--kb", folder, "--json", "--expect", head)
    told = json.loads(shown)
    assert status == 0 and told["ok"] and told["head"] == head
    assert all(set(check) == {"name", "ok", "detail", "mend"} for check in told["checks"])
    assert run("audit", "verify", "--kb", folder, "--expect", "nonsense")[0] == 2
    assert run("audit", "export", tmp_path / "log.jsonl", "--kb", folder, "--yes")[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    with sqlite3.connect(folder / DATABASE) as connection:
        connection.execute("DELETE FROM audit WHERE id = 2")
    connection.close()
    status, shown = run("audit", "verify", "--kb", folder)
    assert status == 1 and "record 2 is missing" in shown
