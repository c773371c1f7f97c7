from __future__ import annotations

import json

import numpy as np
import pytest

from ragedge.embed.encoder_runs import StaticEncoder
from ragedge.embed.onnx_embedder import OnnxEmbedder
from ragedge.errors import ModelError, ModelNotFoundError, UnsupportedModelError
from ragedge.measure.parity import REFERENCE_ENTRIES, ranking_overlap
from ragedge.models import compiled, store
from ragedge.models.compile.static.encoder import encoder_graph
from ragedge.models.compile.static.installed import InstalledWeights
from ragedge.models.compile.static.steps import SCHEMES, share_ranges, steps_of, weight_codes
from ragedge.models.importer import import_model
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.session import open_session
from tests.models.tiny_bert import LAYERS, bert_tensors, layer_names, write_folder

TEXTS = [" ".join(f"w{(start * 7 + step * 3) % 90}" for step in range(4 + start)) for start in range(20)]
STANDARD = {
    "Add", "Concat", "DequantizeLinear", "Gather", "Gelu", "Identity", "LayerNormalization", "MatMul", "Mul",
    "QuantizeLinear", "Relu", "Reshape", "Softmax", "Split", "Sub", "Transpose",
}  # fmt: skip


class StaticBackend(CpuBackend):
    """The processor, asked for static graphs."""

    graph_profile = "static"

    def __init__(self, quantization: str) -> None:
        self.quantization = quantization


@pytest.fixture(params=["int8", "nbits8"])
def folder(request, tmp_path, isolated_environment):
    source = tmp_path / "source"
    write_folder(source)
    return import_model(source, name=f"tiny-{request.param}", scheme=request.param)


def static_embedder(folder, scheme):
    made = compiled.make_static(folder, scheme, TEXTS, threads=1)
    entries = REFERENCE_ENTRIES
    sessions = {
        one.length: open_session(made.graph(one), CpuBackend(), threads=1, entries=entries)
        for one in made.record.graphs
    }
    return made, OnnxEmbedder.from_parts(folder, StaticEncoder(sessions, folder.manifest.encoder.pooling))


def test_weights_read_back_are_those_that_went_in(folder):
    source, read = bert_tensors(), InstalledWeights(folder.path)
    for layer in range(LAYERS):
        names = layer_names(layer, False)
        pairs = {
            "query": "query",
            "key": "key",
            "value": "value",
            "mixed": "attention_out",
            "up": "up",
            "down": "down",
        }
        for output, part in pairs.items():
            weight, bias = read.linear(f"{output}{layer}")
            expected = source[f"{names[part]}.weight"]
            assert np.abs(weight - expected).max() <= np.abs(expected).max() / 120
            np.testing.assert_array_equal(bias, source[f"{names[part]}.bias"])
    words = source["embeddings.word_embeddings.weight"]
    assert np.abs(read.table("words") - words).max() <= np.abs(words).max() / 120


def test_static_graphs_give_the_installed_graphs_vectors(folder):
    usual = OnnxEmbedder.from_folder(folder, CpuBackend(), threads=1).embed_passages(TEXTS)
    _, exact = static_embedder(folder, "float")
    made, rounded = static_embedder(folder, "a16w8")
    vectors = exact.embed_passages(TEXTS)
    assert (vectors * usual).sum(axis=1).min() > 0.98, "the installed graph rounds activations to 8 bits"
    assert (rounded.embed_passages(TEXTS) * vectors).sum(axis=1).min() > 0.9995
    assert [one.length for one in made.record.graphs] == [32, 48]
    assert rounded.max_tokens == 46


def test_only_standard_operators_of_fixed_shape_are_written(folder):
    import onnx

    for scheme in SCHEMES:
        made = compiled.make_static(folder, scheme, TEXTS, threads=1)
        for one in made.record.graphs:
            model = onnx.load(made.graph(one), load_external_data=False)
            assert {node.op_type for node in model.graph.node} <= STANDARD
            assert {entry.domain for entry in model.opset_import} == {""}
            for value in (*model.graph.input, *model.graph.output):
                assert all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim)
            onnx.checker.check_model(str(made.graph(one)))


def test_lengths_share_their_weights_and_padding_changes_nothing(folder):
    made, embedder = static_embedder(folder, "float")
    alone = encoder_graph(InstalledWeights(folder.path), folder.manifest.encoder, 32)
    assert made.size_bytes < 1.5 * 4 * sum(tensor.size for tensor in bert_tensors().values())
    short = "w1 w2 w3"
    shortest, longest = (
        StaticEncoder({length: session}, "mean") for length, session in embedder._encoder._sessions.items()
    )
    ids = embedder._tokenizer.encode(short).ids
    np.testing.assert_allclose(shortest.run(ids), longest.run(ids), atol=1e-5)
    assert alone.nodes == made.record.graphs[0].nodes


def test_static_graphs_are_made_once_found_again_and_made_anew_for_other_weights(folder, tmp_path):
    backend = StaticBackend("a16w8")
    with pytest.raises(ModelNotFoundError) as caught:
        compiled.require_static(folder, backend)
    assert caught.value.hint == f"ragedge backends compile cpu --model {folder.manifest.name}"
    made = compiled.make_static(folder, "a16w8", TEXTS, threads=1)
    assert compiled.require_static(folder, backend) == made
    assert json.loads((made.path / "static.json").read_text("utf-8"))["texts"] == len(TEXTS)
    other = tmp_path / "other"
    write_folder(other, tensors=bert_tensors(8))
    again = import_model(other, name=folder.manifest.name, force=True)
    assert compiled.find_static(again, "a16w8") is None
    (made.path / made.record.graphs[0].file).unlink()
    assert compiled.find_static(folder, "a16w8") is None, "a graph is missing"


def test_without_texts_there_are_no_ranges_and_nothing_is_left(folder):
    with pytest.raises(ModelError, match="needs texts") as caught:
        compiled.make_static(folder, "a16w8", [], threads=1)
    assert "--kb" in caught.value.hint
    assert compiled.find_static(folder, "a16w8") is None


def test_another_family_is_refused(folder):
    read = InstalledWeights(folder.path)
    with pytest.raises(UnsupportedModelError, match=r"no 'blk\.0\.qkv'"):
        read.node("blk.0.qkv")
    with pytest.raises(ValueError, match="8 to 48, got 4"):
        encoder_graph(read, folder.manifest.encoder, 4)


def test_the_embedder_takes_static_graphs_from_the_backend(folder, monkeypatch):
    from ragedge import plugins

    compiled.make_static(folder, "a16w8", TEXTS, threads=1)
    embedder = OnnxEmbedder.from_folder(store.find(folder.manifest.name), StaticBackend("a16w8"), threads=1)
    usual = plugins.create("embedder", "onnx", {"model": folder.manifest.name, "backend_options": {}})
    assert embedder.fingerprint == usual.fingerprint
    long = " ".join(["w5"] * 80)
    assert embedder.embed_query(long).shape == (embedder.dim,), "cut to the longest graph"


def test_steps_hold_nought_and_the_ends():
    for low, high in ((-3.0, 5.0), (2.0, 7.0), (-4.0, -1.0), (0.0, 0.0)):
        steps = steps_of((low, high), "a16w8")
        values = (np.array([0, 65535]) - steps.zero) * steps.scale
        assert values[0] <= min(low, 0) + steps.scale
        assert values[1] >= max(high, 0) - steps.scale
        assert 0 <= steps.zero <= 65535


def test_ranges_are_shared_through_others():
    ranges = {"a": (0.0, 1.0), "b": (-1.0, 0.0), "c": (0.0, 3.0), "d": (0.0, 9.0)}
    shared = share_ranges(ranges, [("a", "b"), ("c", "b")])
    assert shared == {"a": (-1.0, 3.0), "b": (-1.0, 3.0), "c": (-1.0, 3.0), "d": (0.0, 9.0)}


def test_a_weight_is_rounded_by_half_a_step_at_most():
    weight = np.random.default_rng(1).standard_normal((64, 16)).astype(np.float32)
    weight[:, 3] = 0
    codes, scale = weight_codes(weight)
    assert np.abs(codes * scale - weight).max() <= scale.max() / 2 + 1e-6


def test_overlap_counts_shared_neighbours():
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((12, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert ranking_overlap(rows, rows, at=3) == 1
    assert ranking_overlap(rows, rows[::-1].copy(), at=3) < 0.9
