"""Bundles from packing to going back: equal bytes, two slots, one step, and nothing lost when a step fails."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from bundle_pieces import Pieces
from click.testing import CliRunner
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import ragedge
from ragedge.bundle import packing, signing, slots
from ragedge.bundle.reading import open_bundle
from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.errors import BundleError, BusyError, LockedError, ModelError, RagedgeError, StoreError
from ragedge.installed import slot_in_use
from ragedge.privacy.keys import Secret

QUESTION = "What torque does the drain plug take?"
KEY = bytes(range(32))


def torque(folder, **options):
    with ragedge.open(folder, **options) as kb:
        return next(value for value in ("35", "36") if value in kb.ask(QUESTION).text)


@pytest.fixture
def device(line, tmp_path):
    folder = tmp_path / "slots"
    slots.install(line.first, folder, line.trusted())
    return folder


# Packing


def test_twice_the_same_gives_the_same_bytes_whatever_was_asked_meanwhile(line, tmp_path, monkeypatch):
    line.pack(tmp_path / "one", 2)
    monkeypatch.setenv("RAGEDGE_HOME", str(line.home))
    with ragedge.open(line.kb, settings={"privacy.audit": True}) as kb:
        kb.ask(QUESTION)
        kb.ask("What of the zyxquorvane?", session="talk")
        number = kb.store.learned.add_feedback("a question of zyxquorvane", "pump.md", None, right=True)
        kb.store.learned.add_trial("study", "trial", {"asked": "zyxquorvane"})
    line.pack(tmp_path / "two", 2)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == line.second.read_bytes()
    assert b"zyxquorvane" not in (tmp_path / "two").read_bytes()
    assert str(line.kb.parent).encode() not in (tmp_path / "two").read_bytes()  # nor the machine's folders
    with ragedge.open(line.kb) as kb:
        kb.store.learned.remove_feedback(number)


def test_what_is_in_it(line, tmp_path):
    adapter = tmp_path / "manuals.adapter"
    adapter.write_bytes(b"weights")
    context = tmp_path / "htp75.bin"
    context.write_bytes(b"compiled")
    extras = [packing.Extra("adapter", adapter, "MIT"), packing.Extra("context", context)]
    line.pack(tmp_path / "bundle", 3, extras=extras, licences={"pump.md": "CC-BY-4.0"})
    listed = subprocess.run(["tar", "tf", tmp_path / "bundle"], capture_output=True, text=True, check=True)
    assert {"manifest.json", "sbom.cdx.json", "parts/adapter/manuals.adapter"} <= set(listed.stdout.split())
    with open_bundle(tmp_path / "bundle", line.trusted()) as opened:
        manifest = opened.manifest
        opened.check()
    terms = {licence.component: licence.licence for licence in manifest.licences}
    assert terms == {
        "model tiny": "MIT", "parts/adapter/manuals.adapter": "MIT", "parts/context/htp75.bin": "unstated",
        "document pump.md": "CC-BY-4.0",
    }  # fmt: skip
    assert manifest.needs.memory_bytes > 150e6
    slots.install(tmp_path / "bundle", tmp_path / "slots", line.trusted())
    slot = slot_in_use(tmp_path / "slots")
    assert (slot.parts / "context" / "htp75.bin").read_bytes() == b"compiled"


def test_settings_go_along_as_they_are_in_force(line, tmp_path, monkeypatch):
    monkeypatch.setenv("RAGEDGE_HOME", str(line.home))
    given = {
        "retrieve.synonyms": ["plug, \"stopper\"", "ÜWG\x7f, FI"], "ingest.loaders": {"text/csv": "none"},
        "retrieve.top_k": 7, "privacy.audit": True, "generate.abstain_below": 0.25,
    }  # fmt: skip
    with ragedge.open(line.kb, settings=given) as kb:
        key = signing.read_private(line.private)
        packing.create(kb, tmp_path / "bundle", name="pump", version=1, key=key)
        expected = kb.config
    slots.install(tmp_path / "bundle", tmp_path / "slots", line.trusted())
    with ragedge.open(tmp_path / "slots") as kb:
        assert kb.config == expected


def test_the_list_of_components_is_valid_and_names_every_file(line):
    pieces = Pieces.of(line.second, line.private)
    text = pieces.contents["sbom.cdx.json"].decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    listed = json.loads(text)
    kinds = {one["name"]: one["type"] for one in listed["components"]}
    assert kinds["tiny"] == "machine-learning-model" and kinds["kb/default/kb.sqlite"] == "data"
    files = {
        one["name"]: one["hashes"][0]["content"]
        for top in listed["components"]
        for one in [top, *top.get("components", [])]
        if "hashes" in one
    }
    signed = {part["path"]: part["sha256"] for part in pieces.manifest["parts"] if part["kind"] != "sbom"}
    assert files == signed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "../pump"}, "malformed"),
        ({"extras": [packing.Extra("adapter", __import__("pathlib").Path("missing.bin"))]}, "no file"),
        ({"extras": [packing.Extra("script", __import__("pathlib").Path(__file__))]}, "is one of"),
    ],
)
def test_what_may_not_be_packed(line, tmp_path, options, said):
    with pytest.raises(BundleError, match=said):
        line.pack(tmp_path / "bundle", 9, **options)
    assert list(tmp_path.iterdir()) == []


def test_packing_over_a_file_or_with_a_damaged_model_is_refused(line, tmp_path):
    (tmp_path / "there").write_bytes(b"mine")
    with pytest.raises(BundleError, match="is something at"):
        line.pack(tmp_path / "there", 9)
    assert (tmp_path / "there").read_bytes() == b"mine"
    graph = line.home / "models" / "tiny" / "model.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(ModelError, match="damaged"):
            line.pack(tmp_path / "bundle", 9)
    finally:
        graph.write_bytes(whole)


# Two slots


def test_a_release_and_the_next_and_back(line, device):
    assert torque(device) == "35"
    change = slots.install(line.second, device, line.trusted())
    assert (change.slot, change.version, change.before) == ("b", 2, 1)
    assert torque(device) == "36"
    for release, said in ((line.first, "version 1"), (line.second, "version 2")):
        with pytest.raises(BundleError, match=f"{said} is not newer than version 2") as caught:
            slots.install(release, device, line.trusted())
        assert "rollback" in caught.value.hint
    assert slots.rollback(device).version == 1
    assert torque(device) == "35"
    with pytest.raises(BundleError, match="not newer than version 2"):  # going back does not open the door
        slots.install(line.first, device, line.trusted())
    assert slots.rollback(device).version == 2
    assert torque(device) == "36"


def test_there_is_nothing_to_go_back_to_after_the_first(device, tmp_path):
    with pytest.raises(BundleError, match="nothing to go back to"):
        slots.rollback(device)
    with pytest.raises(StoreError, match="no bundle is installed"):
        slots.rollback(tmp_path)
    assert torque(device) == "35"


def test_going_back_to_a_slot_that_was_damaged_is_refused(line, device):
    slots.install(line.second, device, line.trusted())
    graph = device / "a" / "models" / "tiny" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleError, match=r"does not work here: models: .*model.onnx"):
        slots.rollback(device)
    assert torque(device) == "36"
    checks = {check.name: check.ok for check in slots.installed_findings(device, line.trusted(), None)}
    assert checks["b models"] and not checks["a models"] and checks["a signature"]


def test_a_foreign_folder_is_refused(line, tmp_path):
    (tmp_path / "thesis.docx").write_bytes(b"")
    with pytest.raises(StoreError, match="1 other file"):
        slots.install(line.first, tmp_path, line.trusted())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_slot_is_a_home_and_needs_no_other_models(line, device):
    with ragedge.open(device) as kb:
        assert kb.path == device / "a" / "kb" / "default"
        kb.verify_rows()
    assert torque(device / "a" / "kb" / "default") == "35"
    shutil.rmtree(device / "a" / "models")
    with ragedge.open(device) as kb, pytest.raises(ModelError):
        kb.ask(QUESTION)


def test_the_products_own_check_decides(line, device):
    look = f"import os, sys; sys.exit(0 if {str(device)!r} in os.environ['RAGEDGE_HOME'] else 3)"
    with pytest.raises(BundleError, match="ended with 4"):
        slots.install(
            line.second, device, line.trusted(), command=[sys.executable, "-c", "raise SystemExit(4)"]
        )
    assert torque(device) == "35" and not (device / "b").exists()
    with pytest.raises(BundleError, match="cannot be run"):
        slots.install(line.second, device, line.trusted(), command=[str(device / "missing")])
    slots.install(line.second, device, line.trusted(), command=[sys.executable, "-c", look])
    assert torque(device) == "36"


def test_one_that_fails_once_it_is_in_use_is_rolled_back(line, device, monkeypatch):
    def fails(path, **options):
        assert slot_in_use(path).path == device / "b"
        raise StoreError("it does not open")

    monkeypatch.setattr(slots, "open_knowledge_base", fails)
    with pytest.raises(BundleError, match="was rolled back"):
        slots.install(line.second, device, line.trusted())
    monkeypatch.undo()
    assert torque(device) == "35"
    slots.install(line.second, device, line.trusted())  # nothing was used up by the failure
    assert torque(device) == "36"


@pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")
def test_a_slot_that_somebody_has_open_is_not_overwritten(line, device, tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "_IN_USE_WAIT_S", 0.2)
    line.pack(tmp_path / "third", 3)
    with ragedge.open(device) as old:
        slots.install(line.second, device, line.trusted())
        assert "35" in old.ask(QUESTION).text  # it stays with what it opened
        with pytest.raises(BusyError, match="still has"):
            slots.install(tmp_path / "third", device, line.trusted())
        assert torque(device) == "36"
        assert "35" in old.ask(QUESTION).text
    assert slots.install(tmp_path / "third", device, line.trusted()).slot == "a"


def test_an_audit_log_is_not_overwritten_unseen(line, device, tmp_path):
    line.pack(tmp_path / "third", 3)
    on = {"privacy.audit": True}
    with ragedge.open(device, settings=on) as kb:
        kb.ask(QUESTION)
    slots.install(line.second, device, line.trusted())
    with pytest.raises(BundleError, match="audit log that would be overwritten"):
        slots.install(tmp_path / "third", device, line.trusted())
    with ragedge.open(device / "a" / "kb" / "default", settings=on) as kb:
        kb.record("audit export")
    assert slots.install(tmp_path / "third", device, line.trusted()).version == 3


def test_rows_are_encrypted_in_the_slot_when_asked(line, tmp_path):
    folder, secret = tmp_path / "slots", Secret.of(KEY)
    slots.install(line.first, folder, line.trusted(), secret=secret)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"drain plug" in path.read_bytes()]
    with pytest.raises(LockedError):
        ragedge.open(folder)
    slots.install(line.second, folder, line.trusted(), secret=secret)
    assert torque(folder, key=KEY) == "36"
    slots.rollback(folder, secret=secret)
    assert torque(folder, key=KEY) == "35"


INSTALL = """
import sys
from pathlib import Path
from ragedge.bundle import signing, slots
from ragedge.errors import RagedgeError
bundle, folder, key = map(Path, sys.argv[1:])
trusted = [signing.read_public(key)]
print("ready", flush=True)
slots.install(bundle, folder, trusted)
"""


@pytest.mark.parametrize(
    "after_s", [0.02, 0.15, *(pytest.param(s / 50, marks=pytest.mark.slow) for s in range(0, 60, 4))]
)
def test_killed_while_it_installs_the_device_answers_and_takes_it_the_next_time(line, device, after_s):
    arguments = [sys.executable, "-c", INSTALL, line.second, device, line.public]
    with subprocess.Popen([str(one) for one in arguments], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)
    if torque(device) == "35":
        slots.install(line.second, device, line.trusted())
    assert torque(device) == "36"
    assert not (device / ".staging").exists()


STOPPED = """
import os, shutil, sys
from pathlib import Path
import numpy, onnxruntime, tokenizers  # once, and without a thread of theirs: every attempt is a fork of this process
import ragedge
from ragedge.bundle import signing, slots
from ragedge.index import store
from ragedge.installed import read_state
from ragedge.privacy.keys import Secret

bundle, device, copy, key = map(Path, sys.argv[1:5])
unlock = bytes(range(32)) if sys.argv[5] == "True" else None

def stop_at(number):
    seen = 0
    def count(event, arguments):
        # What Python changes in the file system: a name made, moved or taken away, a file opened to be written.
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"):
            seen += 1
            if seen == number:
                os._exit(137)  # nothing is flushed, no handler runs
    sys.addaudithook(count)

def install(number):
    stop_at(number)
    slots.install(bundle, copy, [signing.read_public(key)], secret=unlock and Secret.of(unlock))

def look():
    state = read_state(copy)
    version = state.versions[state.current]
    with ragedge.open(copy, key=unlock if version == 3 else None, settings={"generate.generator": "none"}) as kb:
        kb.verify_rows()
        assert "36" in kb.ask("What torque does the drain plug take?").text

def in_a_fork(body):
    child = os.fork()
    if child == 0:
        try:
            body()
            os._exit(0)
        except BaseException as exc:
            print(repr(exc), flush=True)
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

number, done, stride = 0, 137, int(sys.argv[6])
while done == 137:
    number += stride
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(device, copy)
    done = in_a_fork(lambda: install(number))
    assert done in (0, 137), (number, done)
    assert in_a_fork(look) == 0, number
print(number)
"""


@pytest.mark.slow
@pytest.mark.parametrize("encrypted", [False, True])
def test_stopped_at_changes_to_the_file_system(line, device, tmp_path, encrypted):
    # The slot that is overwritten held a release before, so that clearing it is among the steps.
    slots.install(line.second, device, line.trusted())
    line.pack(tmp_path / "third", 3)
    stride = 7  # one in seven of some hundred and fifty
    arguments = [tmp_path / "third", device, tmp_path / "copy", line.public, encrypted, stride]
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, *map(str, arguments)], capture_output=True, text=True, timeout=290
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout) > 20


@pytest.mark.parametrize("step", ["extract", "health", "replace", "state"])
def test_whatever_step_fails_the_slot_in_use_stays(line, device, monkeypatch, step):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    if step == "extract":
        monkeypatch.setattr(slots.OpenBundle, "extract", full)
    elif step == "health":
        monkeypatch.setattr(slots.health, "findings", full)
    elif step == "replace":
        monkeypatch.setattr(os, "replace", full)
    else:
        monkeypatch.setattr(slots.Vault, "write_atomic", full)
    with pytest.raises((RagedgeError, OSError)):
        slots.install(line.second, device, line.trusted())
    monkeypatch.undo()
    assert torque(device) == "35"
    slots.install(line.second, device, line.trusted())
    assert torque(device) == "36"


# The command line


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)

    def in_home(*arguments, home):
        monkeypatch.setenv("RAGEDGE_HOME", str(home))
        done = CliRunner().invoke(cli, [*map(str, arguments)])
        return done.exit_code, done.stdout

    return in_home


def test_the_commands(line, tmp_path, isolated_environment, run):
    key, bundle, folder = tmp_path / "key", tmp_path / "bundle", tmp_path / "slots"
    assert run("bundle", "key", key, home=line.home)[0] == 0
    assert run("bundle", "key", key, home=line.home)[0] == 1  # it is there
    made = (
        "bundle",
        "create",
        "--kb",
        line.kb,
        "--out",
        bundle,
        "--name",
        "pump",
        "--sign-with",
        key,
        "--json",
    )
    status, shown = run(*made, "--release", 7, home=line.home)
    assert status == 0 and json.loads(shown)["version"] == 7
    public = f"{key}.pub"
    told = json.loads(
        run("bundle", "verify", bundle, "--trust", public, "--json", home=isolated_environment)[1]
    )
    assert told["ok"] and all(set(check) == {"name", "ok", "detail", "mend"} for check in told["checks"])
    assert run("bundle", "verify", bundle, "--trust", line.public, home=isolated_environment)[0] == 1
    install = ("bundle", "install", bundle, "--to", folder, "--trust", public)
    status, shown = run(*install, home=isolated_environment)
    assert status == 0 and "slot a is in use: version 7" in shown
    assert run(*install, home=isolated_environment)[0] == 1  # not newer
    status, shown = run("search", "drain plug", "--kb", folder, "--json", home=isolated_environment)
    assert status == 0 and json.loads(shown)["hits"]
    assert run("bundle", "verify", folder, "--trust", public, home=isolated_environment)[0] == 0
    assert run("bundle", "rollback", folder, home=isolated_environment)[0] == 1


def test_keys_that_are_none(tmp_path, line):
    for read, path in ((signing.read_public, line.private), (signing.read_private, line.public)):
        with pytest.raises(BundleError, match="is no p"):
            read(path)
    with pytest.raises(BundleError, match="cannot be read"):
        signing.read_public(tmp_path / "missing")
    assert oct(line.private.stat().st_mode & 0o777) == "0o600"


def test_a_state_that_is_damaged_is_said(line, device):
    (device / "installed.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        ragedge.open(device)


def test_the_rows_of_a_bundle_are_a_whole_database(line, tmp_path):
    (tmp_path / "rows").write_bytes(Pieces.of(line.second, line.private).contents["kb/default/kb.sqlite"])
    connection = sqlite3.connect(tmp_path / "rows")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM feedback").fetchone() == (0,)
    assert connection.execute("SELECT origin, stamp FROM documents").fetchall() == [("", "")]
    connection.close()
