from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_bert

from ragedge.config import Config
from ragedge.errors import ModelError, ModelIntegrityError, ModelNotFoundError
from ragedge.models import catalog, store
from ragedge.models.importer import import_model
from ragedge.models.lock import exclusive


@pytest.fixture
def model(tmp_path: Path) -> store.ModelFolder:
    return import_model(tiny_bert.write_folder(tmp_path / "tiny"))


def test_the_default_settings_name_models_that_can_be_pulled() -> None:
    config = Config()
    assert {config.embed.model, config.generate.model} == set(catalog.default_names())


def test_catalog_entries_are_whole() -> None:
    for entry in catalog.entries():
        assert len(entry.weights_sha256) == 64
        assert entry.licence
        for carrier in entry.carriers:
            assert all("==" in requirement for requirement in carrier.requirements)
            for file in carrier.files:
                assert int(file.sha256, 16) > 0
                assert {index for index, _ in file.members} <= set(range(len(carrier.requirements)))


def test_an_unknown_name_lists_those_that_are_known() -> None:
    with pytest.raises(ModelNotFoundError, match="minilm-l6, smollm2-135m") as caught:
        catalog.entry("minilm-l7")
    assert caught.value.hint == "ragedge models pull minilm-l6"


def test_nothing_is_installed_at_first() -> None:
    assert store.installed() == []
    with pytest.raises(ModelNotFoundError, match="installed: none"):
        store.find("minilm-l6")


def test_an_installed_model_is_found_listed_and_sound(model: store.ModelFolder) -> None:
    assert store.find("tiny") == model
    assert store.installed() == [model]
    assert store.verify_model("tiny") == []
    assert model.size_bytes == sum(
        p.stat().st_size for p in model.path.iterdir() if p.name != "manifest.json"
    )


@pytest.mark.parametrize("name", ["../tiny", "", ".staging", "/etc", "a/b", "UP", "x" * 65, "a\x00b"])
def test_a_name_is_never_a_path(model: store.ModelFolder, name: str) -> None:
    for call in (store.find, store.verify_model, store.remove):
        with pytest.raises(ModelNotFoundError):
            call(name)
    assert store.find("tiny") == model


def test_removing_frees_the_bytes_and_leaves_nothing(model: store.ModelFolder) -> None:
    total = sum(path.stat().st_size for path in model.path.iterdir())
    assert store.remove("tiny") == total
    assert store.names() == []
    assert not any((model.path.parent / ".staging").iterdir())
    with pytest.raises(ModelNotFoundError):
        store.remove("tiny")


def test_a_missing_or_shorter_file_is_found_without_reading(model: store.ModelFolder) -> None:
    (model.path / "tokenizer.json").unlink()
    with pytest.raises(ModelIntegrityError, match=r"tokenizer\.json is missing") as caught:
        store.find("tiny")
    assert caught.value.hint == "ragedge models pull tiny"
    (model.path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelIntegrityError, match="has 2 bytes"):
        store.find("tiny")


def test_every_kind_of_damage_is_named(model: store.ModelFolder) -> None:
    graph = model.path / "model.onnx"
    data = bytearray(graph.read_bytes())
    data[-1] ^= 1
    graph.write_bytes(data)
    (model.path / "extra.bin").write_bytes(b"x")
    (model.path / "tokenizer.json").unlink()
    assert store.verify_model("tiny") == [
        "tokenizer.json is missing",
        "model.onnx differs from its recorded sha256",
        "extra.bin is not part of the model",
    ]


def test_a_changed_file_ends_the_load(model: store.ModelFolder) -> None:
    graph = model.path / "model.onnx"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)
    with pytest.raises(ModelIntegrityError, match=r"model\.onnx differs"), store.find("tiny").checked():
        pass


def test_damage_explains_a_failed_load(model: store.ModelFolder) -> None:
    folder = store.find("tiny")
    (model.path / "model.onnx").unlink()
    with pytest.raises(ModelIntegrityError, match=r"model\.onnx is missing"), folder.checked():
        raise ModelError("the load failed")


def test_a_failure_that_is_not_damage_stays_itself(model: store.ModelFolder) -> None:
    with pytest.raises(ModelError, match="the load failed"), model.checked():
        raise ModelError("the load failed")
    with pytest.raises(KeyboardInterrupt), model.checked():
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"schema_version": 2}', "\udcff", '{"name": 1}', "x" * 1_100_000],
    ids=["empty", "cut", "list", "bare", "newer", "no text", "wrong type", "large"],
)
def test_a_damaged_manifest_is_an_integrity_error(model: store.ModelFolder, text: str) -> None:
    (model.path / "manifest.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelIntegrityError, match=r"manifest\.json"):
        store.find("tiny")
    assert store.installed() == []
    assert len(store.verify_model("tiny")) == 1


@pytest.mark.parametrize("listed", ["../../secret", "/etc/passwd", "C:evil", "\\evil"])
def test_a_manifest_cannot_point_outside(model: store.ModelFolder, listed: str) -> None:
    path = model.path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][listed] = {"sha256": "0" * 64, "bytes": 1}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelIntegrityError, match="not a file inside"):
        store.find("tiny")


def test_a_manifest_that_is_no_text_is_an_integrity_error(model: store.ModelFolder) -> None:
    path = model.path / "manifest.json"
    content = bytearray(path.read_bytes())
    content[content.index(b'"licence": "') + 14] |= 0x80
    path.write_bytes(content)
    with pytest.raises(ModelIntegrityError, match="damaged"):
        store.find(model.manifest.name)


def test_a_manifest_that_was_changed_is_refused(model: store.ModelFolder) -> None:
    path = model.path / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"licence": "', '"licence": "x'))
    with pytest.raises(ModelIntegrityError, match="not what was written"):
        store.find(model.manifest.name)
    # Manifests from before had no digest of their own.
    facts = json.loads(text)
    del facts["own_sha256"]
    path.write_text(json.dumps(facts))
    assert store.find(model.manifest.name).manifest == model.manifest


def test_a_manifest_of_another_model_is_refused(model: store.ModelFolder) -> None:
    model.path.rename(model.path.with_name("other"))
    with pytest.raises(ModelIntegrityError, match="describes 'tiny'"):
        store.find("other")


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sys, pathlib; from ragedge.models.lock import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1])):\n print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "one.lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_waits_and_ends_with_its_process(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    waited = []

    def on_wait() -> None:
        waited.append(holder.poll())
        holder.kill()

    with exclusive(tmp_path / "one.lock", on_wait):
        assert waited == [None]  # it waited while the other process lived
