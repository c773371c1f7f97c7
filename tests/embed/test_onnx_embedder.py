from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ragedge.embed import token_counter
from ragedge.embed.onnx_embedder import OnnxEmbedder, create
from ragedge.embed.token_counter import JsonTokenCounter
from ragedge.errors import ConfigError, ModelError, ModelIntegrityError, ModelNotFoundError

TEXTS = (
    "Torque the drain plug to 35 N·m.",
    "",
    "x",
    "冷却水の交換時期",
    "Before you open the radiator cap, let the engine cool down. " * 60,
    "Fuse F12 (15 A) protects the horn relay.",
)


@pytest.fixture(scope="module")
def embedder(minilm_dir: Path) -> OnnxEmbedder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(minilm_dir.parent.parent))
        return create({"model": "minilm-l6", "threads": 2})


def test_rows_have_length_one_and_the_stated_shape(embedder: OnnxEmbedder) -> None:
    rows = embedder.embed_passages(TEXTS)
    assert rows.shape == (len(TEXTS), embedder.dim) == (6, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_no_texts_give_no_rows(embedder: OnnxEmbedder) -> None:
    assert embedder.embed_passages([]).shape == (0, 384)


def test_a_text_has_one_vector_whatever_comes_with_it(embedder: OnnxEmbedder) -> None:
    together = embedder.embed_passages(TEXTS)
    backwards = embedder.embed_passages(TEXTS[::-1])[::-1]
    alone = np.stack([embedder.embed_passages([text])[0] for text in TEXTS])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, backwards)


def test_text_past_the_limit_is_cut_and_nothing_else(embedder: OnnxEmbedder) -> None:
    long = "valve " * 400
    spans = embedder.token_spans(long)
    kept = long[: spans[embedder.max_tokens - 1][1]]
    one_less = long[: spans[embedder.max_tokens - 2][1]]
    np.testing.assert_array_equal(*embedder.embed_passages([long, kept]))
    assert not np.array_equal(*embedder.embed_passages([long, one_less]))


def test_token_spans_are_code_points_without_special_tokens(embedder: OnnxEmbedder) -> None:
    text = "Ölfilter 🔧 M14×1.5 [SEP] ok"
    spans = embedder.token_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert "".join(text[start:end] for start, end in spans) == text.replace(" ", "")


def test_a_special_tokens_name_is_plain_text(embedder: OnnxEmbedder) -> None:
    assert len(embedder.token_spans("[SEP]")) == 3


def test_the_counter_for_another_process_counts_alike(embedder: OnnxEmbedder) -> None:
    counter = JsonTokenCounter.from_file(embedder.tokenizer_path)
    for text in TEXTS:
        assert counter.token_spans(text) == embedder.token_spans(text)


def test_a_worker_builds_either_counter(embedder: OnnxEmbedder, home_with_embedder: Path) -> None:
    from_file = token_counter.create({"tokenizer": str(embedder.tokenizer_path)})
    from_embedder = token_counter.create_from_embedder({"embedder": "onnx", "options": {"threads": 1}})
    for text in TEXTS:
        assert list(from_file.token_spans(text)) == list(from_embedder.token_spans(text))


def test_the_counter_loads_no_runtime(minilm_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ragedge.embed.token_counter import JsonTokenCounter\n"
        "counter = JsonTokenCounter.from_file(Path(sys.argv[1]))\n"
        "print(len(counter.token_spans('one two')), 'onnxruntime' in sys.modules, 'numpy' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(minilm_dir / "tokenizer.json")]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.split() == ["2", "False", "False"]


def test_vectors_are_the_models_own(embedder: OnnxEmbedder) -> None:
    """First numbers of the float model's vector, from its published weights in float32."""
    rows = embedder.embed_passages(["This is an example sentence"])
    np.testing.assert_allclose(rows[0, :5], [0.0677, 0.0635, 0.0487, 0.0793, 0.0374], atol=0.02)


def test_fingerprint_is_the_same_in_another_process(embedder: OnnxEmbedder, minilm_dir: Path) -> None:
    code = "from ragedge.embed.onnx_embedder import create; print(create({}).fingerprint)"
    environment = os.environ | {"RAGEDGE_HOME": str(minilm_dir.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == embedder.fingerprint


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process its peak this way")
def test_memory_does_not_grow_with_the_variety_of_lengths(minilm_dir: Path) -> None:
    code = """
from resource import RUSAGE_SELF, getrusage
from ragedge.embed.onnx_embedder import create
embedder = create({"threads": 2})
embedder.embed_passages(["valve " * 300] * 2)
before = getrusage(RUSAGE_SELF).ru_maxrss
embedder.embed_passages(["valve " * count for count in range(1, 254, 3)])
print(getrusage(RUSAGE_SELF).ru_maxrss - before)
"""
    environment = os.environ | {"RAGEDGE_HOME": str(minilm_dir.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert int(done.stdout) < 20_000  # KiB


@pytest.mark.parametrize(
    ("options", "word"),
    [({"modle": "x"}, "modle"), ({"threads": -1}, "threads"), ({"threads": "two"}, "threads")],
)
def test_wrong_options_are_named(options: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        create(options)


def test_a_missing_model_names_the_command() -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        create({"model": "minilm-l6"})
    assert caught.value.hint == "ragedge models pull minilm-l6"


def test_a_generator_is_no_embedder(home_with_models: Path) -> None:
    with pytest.raises(ModelError, match="generator"):
        create({"model": "smollm2-135m"})


def test_one_text_is_not_a_sequence_of_texts(embedder: OnnxEmbedder) -> None:
    with pytest.raises(TypeError):
        embedder.embed_passages("a text")


def test_a_changed_weight_is_found_while_loading(isolated_environment: Path, minilm_dir: Path) -> None:
    """One byte in the middle of the weights: the graph still loads, the digest does not match."""
    copy = isolated_environment / "models" / "minilm-l6"
    copy.mkdir(parents=True)
    for path in minilm_dir.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    graph = bytearray((copy / "model.onnx").read_bytes())
    graph[len(graph) // 2] ^= 1
    (copy / "model.onnx").write_bytes(graph)
    with pytest.raises(ModelIntegrityError, match=r"model\.onnx") as caught:
        create({"model": "minilm-l6"})
    assert caught.value.hint == "ragedge models pull minilm-l6"


def test_prefixes_are_part_of_what_is_embedded(isolated_environment: Path, minilm_dir: Path) -> None:
    copy = isolated_environment / "models" / "prefixed"
    copy.mkdir(parents=True)
    for path in minilm_dir.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["name"] = "prefixed"
    manifest.pop("own_sha256", None)
    manifest["encoder"] |= {"query_prefix": "query: ", "passage_prefix": "passage: "}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with_prefix = create({"model": "prefixed"})
    manifest["encoder"] |= {"query_prefix": "", "passage_prefix": ""}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    without = create({"model": "prefixed"})
    np.testing.assert_array_equal(with_prefix.embed_query("horn"), without.embed_query("query: horn"))
    np.testing.assert_array_equal(
        with_prefix.embed_passages(["horn"]), without.embed_passages(["passage: horn"])
    )
    assert with_prefix.max_tokens == without.max_tokens - 2
    assert with_prefix.fingerprint != without.fingerprint
