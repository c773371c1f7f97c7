from __future__ import annotations

from pathlib import Path

import pytest
import tiny_bert

from ragedge.embed.onnx_embedder import create
from ragedge.errors import ModelError, ModelFetchError, ModelIntegrityError, UnsupportedModelError
from ragedge.home import models_dir
from ragedge.models import store
from ragedge.models.importer import import_model


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tiny_bert.write_folder(tmp_path / "My Model_v1.5")


def leftovers() -> list[Path]:
    staging = models_dir() / ".staging"
    return list(staging.iterdir()) if staging.is_dir() else []


def test_a_folder_becomes_an_embedder(source: Path) -> None:
    folder = import_model(source, licence="MIT")
    assert folder.path.name == "my-model_v1.5"
    manifest = folder.manifest
    assert (manifest.kind, manifest.architecture, manifest.licence) == ("embedder", "bert", "MIT")
    assert set(manifest.files) == {"model.onnx", "tokenizer.json"}
    assert leftovers() == []
    embedder = create({"model": "my-model_v1.5"})
    assert embedder.embed_passages(["w1 w2"]).shape == (1, 64)
    assert embedder.fingerprint == manifest.fingerprint


def test_what_the_user_says_wins_over_the_folder(source: Path) -> None:
    plain = import_model(source, name="plain")
    told = import_model(
        source, name="told", scheme="nbits8", query_prefix="w1", passage_prefix="w2 w3", kind="embedder"
    )
    assert told.manifest.encoder is not None
    assert (told.manifest.encoder.query_prefix, told.manifest.encoder.passage_prefix) == ("w1", "w2 w3")
    assert told.manifest.quantization != plain.manifest.quantization
    assert create({"model": "told"}).max_tokens == create({"model": "plain"}).max_tokens - 2


def test_an_installed_name_is_not_replaced_unasked(source: Path) -> None:
    before = import_model(source, name="mine")
    with pytest.raises(ModelError, match="installed already") as caught:
        import_model(source, name="mine", scheme="nbits8")
    assert "ragedge models remove mine" in caught.value.hint
    assert store.find("mine") == before
    after = import_model(source, name="mine", scheme="nbits8", force=True)
    assert after.manifest.fingerprint != before.manifest.fingerprint
    assert store.verify_model("mine") == []


@pytest.mark.parametrize("name", ["", "../x", "A", ".hidden", "a" * 65, "con/x"])
def test_an_unusable_name_is_refused(source: Path, name: str) -> None:
    with pytest.raises(ModelError, match="a model's name is") as caught:
        import_model(source, name=name)
    assert "--name" in caught.value.hint
    assert store.names() == []


def test_a_failed_import_leaves_nothing(source: Path) -> None:
    (source / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelIntegrityError):
        import_model(source)
    assert store.names() == []
    assert leftovers() == []


def test_a_failed_replacement_keeps_the_old_model(source: Path) -> None:
    before = import_model(source, name="mine")
    (source / "tokenizer.json").write_text("nope")
    with pytest.raises(ModelIntegrityError):
        import_model(source, name="mine", force=True)
    assert store.find("mine") == before
    assert store.verify_model("mine") == []


def test_what_cannot_be_imported_says_what_can(tmp_path: Path, source: Path) -> None:
    (tmp_path / "empty").mkdir()
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "pytorch_model.bin").write_bytes(b"\x80\x04")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for path in (tmp_path / "absent", tmp_path / "empty", pickled, text):
        with pytest.raises(UnsupportedModelError, match=r"safetensors|cannot be read") as caught:
            import_model(path)
        assert caught.value.hint
    with pytest.raises(UnsupportedModelError, match="as embedder, not as generator"):
        import_model(source, kind="generator")
    with pytest.raises(UnsupportedModelError, match="int8, nbits8"):
        import_model(source, scheme="int3")


@pytest.mark.parametrize("size", [4, 8, 24, 100])
def test_a_cut_gguf_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes((b"GGUF\x03\x00\x00\x00" + (5).to_bytes(8, "little") * 2).ljust(100, b"\x01")[:size])
    with pytest.raises(ModelError) as caught:
        import_model(path)
    assert not isinstance(caught.value, ModelFetchError)
    assert store.names() == []


def test_a_full_disk_is_said_and_leaves_nothing(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this process may not grow past 4 kB, which the kernel reports as it does a full disk."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(ModelFetchError, match="cannot be written") as caught:
            import_model(source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert "RAGEDGE_HOME" in caught.value.hint
    assert store.names() == []
    assert leftovers() == []
