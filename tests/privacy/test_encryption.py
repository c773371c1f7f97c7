"""Encryption at rest: nothing readable on the disk, clear refusals, keys that change and die."""

import base64
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing

import keyring.backend
import pytest

import ragedge
from ragedge.errors import DamagedError, LockedError, StoreError
from ragedge.privacy import key_changes
from ragedge.privacy.keys import KEYS, KeyFile, Secret
from ragedge.privacy.vault import DATABASE, Vault
from ragedge.testing.key_store_contract import KeyStoreContract

PASSPHRASE = "three blue gaskets"
CANARY = "zyxquorvane"
MANUAL = f"""# Pump P-7

The drain plug of the {CANARY} pump takes a torque of 35 N·m.

Let the {CANARY} housing cool for 20 minutes before work.
"""


@pytest.fixture
def manual(tmp_path):
    path = tmp_path / "manual.md"
    path.write_text(MANUAL, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path, manual, home_with_embedder):
    """A small encrypted knowledge base, closed; its index is kept as a graph file."""
    with opened(tmp_path / "kb", create=True) as kb:
        kb.ingest(manual)
    return tmp_path / "kb"


def opened(path, key=PASSPHRASE, **options):
    settings = {"index.exact_below": 0, "generate.generator": "none"}
    return ragedge.open(path, key=key, settings=settings, **options)


def forms(word):
    """How a word may stand in a file."""
    plain = word.encode()
    wide = word.encode("utf-16-le")
    based = [base64.b64encode(b"x" * shift + plain)[4:-4] for shift in range(3)]
    return [plain, plain.upper(), wide, zlib.compress(plain)[2:-4], *based]


def hits(path, words=(CANARY, "gaskets", "housing")):
    found = []
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        content = file.read_bytes()
        found += [(file.name, word) for word in words for form in forms(word) if form in content]
    return found


def test_no_word_stands_on_the_disk_and_the_search_would_find_one(
    folder, manual, tmp_path, home_with_embedder
):
    audited = {"index.exact_below": 0, "generate.generator": "none", "privacy.audit": True}
    with ragedge.open(folder, key=PASSPHRASE, settings=audited) as kb:
        kb.ask(f"What torque does the {CANARY} pump take?")
        assert kb.status()["encrypted"] is True
        assert hits(folder) == []  # while it is open, log and all
    assert hits(folder) == []
    assert list((home_with_embedder / "audit").iterdir()) and hits(home_with_embedder / "audit") == []
    assert (folder / "index.hnsw").exists()  # sealed like the rest
    with ragedge.open(tmp_path / "plain", create=True, settings={"generate.generator": "none"}) as plain:
        plain.ingest(manual)
    assert {name for name, word in hits(tmp_path / "plain") if word == CANARY} >= {DATABASE}


def test_no_trace_of_verdicts_tuning_or_vectors_in_it_or_in_temporary_folders(
    folder, manual, tmp_path, monkeypatch, home_with_embedder
):
    """Also the embedding's bytes: from them a text can be guessed."""
    outside = [tmp_path / "temporary", tmp_path / "cache"]
    for name, place in zip(("TMPDIR", "XDG_CACHE_HOME"), outside, strict=True):
        place.mkdir()
        monkeypatch.setenv(name, str(place))
    monkeypatch.setattr("tempfile.tempdir", None)

    def use(kb):
        asked = f"What torque does the {CANARY} pump take?"
        kb.ingest(manual)
        kb.ask(asked)
        kb.store.learned.add_feedback(asked, "manual.md", None, right=True)
        kb.store.learned.add_trial("study", "trial", {"question": asked})
        kb.store.learned.set_values("tuned", {"retrieve.synonyms": [f"{CANARY}, pump"]})
        _, codes, scale = kb.store.vector_rows()
        floats = codes.astype("float32") * scale
        exact = kb.embedder.embed_passages([chunk.text for chunk in kb.store.chunks("manual.md")])
        return [row.tobytes()[:64] for rows in (codes, floats, exact) for row in rows]

    def vectors_in(path, bytes_of):
        content = b"".join(file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file())
        return [one for one in bytes_of if one in content]

    with opened(folder) as kb:
        sealed = use(kb)
        assert [hits(place) for place in (folder, *outside)] == [[], [], []]
    for place in (folder, *outside):
        assert hits(place) == [] and vectors_in(place, sealed) == []
    with ragedge.open(tmp_path / "plain", create=True, settings={"generate.generator": "none"}) as kb:
        plain = use(kb)
    assert vectors_in(tmp_path / "plain", plain) and (DATABASE, CANARY) in hits(tmp_path / "plain")


def test_no_trace_of_a_conversation_nor_of_what_the_model_read_for_it(
    manual, tmp_path, monkeypatch, home_with_models
):
    """Turns, audit records, and the saved keys and values: their floats hold the text too."""
    outside = tmp_path / "temporary"
    outside.mkdir()
    monkeypatch.setenv("TMPDIR", str(outside))
    monkeypatch.setattr("tempfile.tempdir", None)
    settings = {
        "generate.prompt_fill": "passages", "generate.abstain_below": 0.0, "generate.calibrate": False,
        "privacy.audit": True,
    }  # fmt: skip

    def talk(path, **options):
        with ragedge.open(path, create=True, settings=settings, **options) as kb:
            kb.ingest(manual)
            kb.ask(f"What torque does the {CANARY} pump take?", session="talk", max_new_tokens=8)
            kb.ask("And its housing?", session="talk", max_new_tokens=8)
            assert kb.conversations.keep("talk")
            context = kb._parts.vault.read("session-talk.context")
            middle = len(context) // 2
            return context[middle : middle + 64], [hits(place) for place in (path, outside)]

    floats, found = talk(tmp_path / "sealed", key=PASSPHRASE)
    assert found == [[], []]
    for place in (tmp_path / "sealed", outside, home_with_models / "audit"):
        assert hits(place) == []
        assert not any(floats in file.read_bytes() for file in place.rglob("*") if file.is_file())
    floats, _ = talk(tmp_path / "plain")
    assert floats in (tmp_path / "plain" / "session-talk.context").read_bytes()
    names = {name for name, word in hits(tmp_path / "plain") if word == CANARY}
    assert {DATABASE, "session-talk.context"} <= names


def test_answers_are_those_of_a_plain_one(folder, manual, tmp_path):
    with ragedge.open(tmp_path / "plain", create=True, settings={"generate.generator": "none"}) as plain:
        plain.ingest(manual)
        expected = plain.ask("What is the torque of the drain plug?"), plain.status()["content_digest"]
    with opened(folder) as kb:
        found = kb.ask("What is the torque of the drain plug?"), kb.status()["content_digest"]
    assert (found[0].text, found[1]) == (expected[0].text, expected[1])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "no key was given"),
        ("three red gaskets", "passphrase is wrong"),
        (bytes(32), "not by a key_file"),
    ],
)
def test_a_wrong_key_is_one_clear_line(folder, key, said):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(LockedError, match=said) as caught:
        opened(folder, key)
    assert "passphrase" in caught.value.hint
    assert "\n" not in str(caught.value) and "gaskets" not in str(caught.value)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_damage_is_told_from_a_wrong_key(folder):
    keys, database = folder / KEYS, folder / DATABASE
    whole = keys.read_bytes()
    keys.write_bytes(whole.replace(b'"n": 65536', b'"n": 65537'))
    with pytest.raises(DamagedError, match=KEYS):
        opened(folder)
    keys.write_bytes(whole)
    content = bytearray(database.read_bytes())
    content[100] ^= 1
    database.write_bytes(content)
    with pytest.raises(DamagedError, match="is damaged"):
        opened(folder)


def test_a_changed_graph_file_is_found_and_made_again(folder):
    graph = folder / "index.hnsw"
    if not graph.exists():
        pytest.fail("the knowledge base keeps no graph: the test would show nothing")
    content = bytearray(graph.read_bytes())
    content[-40] ^= 1
    graph.write_bytes(content)
    with opened(folder) as kb:
        assert kb.search("drain plug torque")[0].source == "manual.md"


def test_a_key_for_a_plain_one_is_refused(tmp_path, manual, home_with_embedder):
    with ragedge.open(tmp_path / "plain", create=True) as kb:
        kb.ingest(manual)
    with pytest.raises(StoreError, match="is not encrypted") as caught:
        ragedge.open(tmp_path / "plain", key=PASSPHRASE)
    assert "key encrypt" in caught.value.hint


def test_a_key_file_unlocks(tmp_path, manual, home_with_embedder):
    key = tmp_path / "ragedge.key"
    key.write_bytes(os.urandom(32))
    with opened(tmp_path / "kb", key, create=True) as kb:
        kb.ingest(manual)
    with opened(tmp_path / "kb", key.read_bytes()) as kb:
        assert kb.status()["documents"] == 1
    key.write_bytes(b"short")
    with pytest.raises(LockedError, match="5 bytes"):
        opened(tmp_path / "kb", key)


def test_changing_the_passphrase_locks_the_old_one_out(folder):
    key_changes.change_secret(
        Vault.open(folder, secret=Secret.of(PASSPHRASE)), Secret.of(PASSPHRASE), Secret.of("other words")
    )
    with pytest.raises(LockedError, match="wrong"):
        opened(folder)
    with opened(folder, "other words") as kb:
        assert kb.status()["documents"] == 1


def test_rotation_leaves_nothing_under_the_old_root_key(folder):
    old = KeyFile.parse((folder / KEYS).read_bytes())
    before = (folder / DATABASE).read_bytes()
    with opened(folder) as kb:
        digest = kb.status()["content_digest"]
    key_changes.rotate(Vault.open(folder, secret=Secret.of(PASSPHRASE)), Secret.of(PASSPHRASE))
    assert before[4096:8192] not in (folder / DATABASE).read_bytes()
    assert not (folder / "index.hnsw").exists()
    with opened(folder) as kb:
        assert kb.status()["content_digest"] == digest
        assert kb.search("drain plug")[0].source == "manual.md"
    (folder / KEYS).write_bytes(old.as_bytes())
    with pytest.raises(DamagedError):
        opened(folder)


ROTATE = """
import sys
from ragedge.privacy import key_changes
from ragedge.privacy.keys import Secret
from ragedge.privacy.vault import Vault
secret = Secret.of({passphrase!r})
vault = Vault.open(sys.argv[1], secret=secret)
print("ready", flush=True)
while True:
    key_changes.rotate(vault, secret)
"""


@pytest.mark.parametrize(
    "after_s",
    [0.0, 0.03, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.013, 0.07, 0.11, 0.16, 0.23, 0.31))],
)
def test_killed_while_the_key_changes_it_opens_and_is_whole(folder, after_s, tmp_path):
    with opened(folder) as kb:
        digest = kb.status()["content_digest"]
    command = [sys.executable, "-c", ROTATE.format(passphrase=PASSPHRASE), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    with opened(folder) as kb:
        assert kb.status()["content_digest"] == digest
        kb.verify_rows()


def test_a_plain_one_is_copied_whole_then_destroyed(tmp_path, manual, home_with_embedder):
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    with ragedge.open(plain, create=True) as kb:
        kb.ingest(manual, metadata={"model": "P-7"})
        before = kb.status()
    (plain / "ragedge.toml").write_text("[retrieve]\ntop_k = 3\n")
    vault = Vault.open(plain)
    key_changes.encrypt(vault, sealed, Secret.of(PASSPHRASE))
    assert hits(sealed) == []
    key_changes.shred(plain)
    assert not plain.exists()
    with opened(sealed) as kb:
        after = kb.status()
        assert kb.config.retrieve.top_k == 3
        assert kb.search("housing cool", where=["model=P-7"])[0].source == "manual.md"
        kb.verify_rows()
        kb.ingest(manual)  # it can be written to
    assert after["content_digest"] == before["content_digest"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_encrypting_onto_something_is_refused_and_loses_nothing(folder, tmp_path):
    vault = Vault.open(folder, secret=Secret.of(PASSPHRASE))
    with pytest.raises(StoreError, match="encrypted already"):
        key_changes.encrypt(vault, tmp_path / "new", Secret.of(PASSPHRASE))
    with pytest.raises(StoreError, match="is something at"):
        key_changes.encrypt(Vault(folder), tmp_path, Secret.of(PASSPHRASE))


def test_a_damaged_one_is_not_encrypted_as_if_it_were_whole(tmp_path, manual, home_with_embedder):
    plain, words = tmp_path / "plain", tmp_path / "words"
    words.write_text(PASSPHRASE)
    with ragedge.open(plain, create=True) as kb:
        kb.ingest(manual)
    with closing(sqlite3.connect(plain / "kb.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE fts_docsize SET sz = zeroblob(length(sz))")
    before = (plain / "kb.sqlite").read_bytes()
    done = run("key", "encrypt", "--kb", plain, "--to", tmp_path / "sealed", "--passphrase-file", words)
    assert done.returncode == 1
    assert "is not as it was written" in done.stderr and "ragedge index rebuild" in done.stderr
    assert not (tmp_path / "sealed").exists()
    assert (plain / "kb.sqlite").read_bytes() == before  # and it is not shredded
    assert run("index", "rebuild", "--kb", plain).returncode == 0
    done = run("key", "encrypt", "--kb", plain, "--to", tmp_path / "sealed", "--passphrase-file", words)
    assert done.returncode == 0 and not plain.exists()


def test_without_its_key_a_copy_stays_shut(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "stolen")
    key_changes.shred(folder)
    assert not folder.exists()
    (tmp_path / "stolen" / KEYS).unlink()  # what shredding takes away first
    with pytest.raises(DamagedError):
        ragedge.open(tmp_path / "stolen")


# The command line


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "ragedge", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, env=os.environ | environment,
    )  # fmt: skip


def test_the_commands_from_ingest_to_shred(tmp_path, manual, home_with_embedder):
    kb, words, other = tmp_path / "kb", tmp_path / "words", tmp_path / "other"
    words.write_text(f"{PASSPHRASE}\n")
    other.write_text("other words\n")
    done = run("ingest", manual, "--kb", kb, "--encrypt")
    assert done.returncode == 1 and "nothing was given to encrypt it with" in done.stderr
    assert not kb.exists()
    assert run("ingest", manual, "--kb", kb, "--encrypt", "--passphrase-file", words).returncode == 0
    done = run("search", "drain plug", "--kb", kb, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["type"] == "LockedError"
    assert run("search", "drain plug", "--kb", kb, RAGEDGE_PASSPHRASE=PASSPHRASE).returncode == 0
    assert (
        run(
            "key", "change", "--kb", kb, "--passphrase-file", words, "--new-passphrase-file", other
        ).returncode
        == 0
    )
    assert run("key", "rotate", "--kb", kb, "--passphrase-file", words).returncode == 1
    assert run("key", "rotate", "--kb", kb, "--passphrase-file", other).returncode == 0
    done = run("status", "--kb", kb, "--passphrase-file", other)
    assert done.returncode == 0 and "encrypted       yes" in done.stdout
    assert run("key", "shred", "--kb", kb).returncode == 1  # nobody is there to say yes
    assert run("key", "shred", "--kb", kb, "--yes").returncode == 0
    assert not kb.exists()


# Key stores


class KeptInMemory(keyring.backend.KeyringBackend):
    """A keyring of the test's own: the system's belongs to whoever runs it."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


@pytest.fixture
def own_keyring():
    usual = keyring.get_keyring()
    keyring.set_keyring(KeptInMemory())
    yield
    keyring.set_keyring(usual)


@pytest.mark.usefixtures("own_keyring")
class TestKeyringStore(KeyStoreContract):
    plugin = "keyring"


def test_a_key_store_unlocks_without_being_asked(tmp_path, manual, home_with_embedder, own_keyring):
    with ragedge.open(tmp_path / "kb", create=True, key_store="keyring") as kb:
        kb.ingest(manual)
    with ragedge.open(tmp_path / "kb") as kb:
        assert kb.status()["encrypted"] is True
    keyring.set_keyring(KeptInMemory())  # another user's
    with pytest.raises(LockedError, match="keyring"):
        ragedge.open(tmp_path / "kb")
