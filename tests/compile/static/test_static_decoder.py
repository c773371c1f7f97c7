from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragedge.datatypes import GenerationOptions, Message
from ragedge.errors import PromptTooLongError, UnsupportedModelError
from ragedge.generate.onnx_generator import OnnxGenerator
from ragedge.measure.decoder_parity import cosine_rows, decoder_parity
from ragedge.measure.parity import REFERENCE_ENTRIES
from ragedge.models import compiled
from ragedge.models.compile.static.decoder import chunk_feed, decoder_graph
from ragedge.models.compile.static.installed import InstalledWeights
from ragedge.models.importer import import_model
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.decoder import Decoder
from ragedge.runtime.session import open_session
from ragedge.runtime.static_decoder import StaticDecoder
from tests.tools.make_tiny_gguf import tiny_of, write
from tests.tools.reference_decoder import ReferenceDecoder

TEXTS = ["".join(map(chr, np.random.default_rng(seed).integers(33, 127, 150))) for seed in range(12)]

IDS = np.random.default_rng(1).integers(3, 260, 150).tolist()
CONTEXT = 512


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a tiny generator, its file and its static graphs; its norms' epsilon is as small as real ones'."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("RAGEDGE_HOME", str(home))
        path = home / "tiny.gguf"
        write(tiny_of("llama", epsilon=1e-6), path)
        folder = import_model(path, name="tiny")
        yield folder, path, compiled.make_static(folder, "a16w8", TEXTS, threads=1)


def decoder_of(folder, static, lengths=(64, 1)) -> StaticDecoder:
    facts = folder.manifest.decoder
    sessions = {
        one.length: open_session(static.graph(one), CpuBackend(), threads=1, entries=REFERENCE_ENTRIES)
        for one in static.record.graphs
        if one.length in lengths
    }
    feed = lambda ids, held, chunk: chunk_feed(ids, held, chunk=chunk, context=CONTEXT, groups=2)  # noqa: E731
    return StaticDecoder(sessions, facts, CONTEXT, feed, facts.layers)


@pytest.mark.parametrize("family", ["llama", "qwen2", "llama3"])
def test_float_graphs_are_the_models_arithmetic(isolated_environment, tmp_path, family):
    """Rotation, halves for pairs, heads that share keys, biases, and chunks are exact."""
    path = tmp_path / "tiny.gguf"
    write(tiny_of(family, epsilon=1e-6), path)
    folder = import_model(path, name="tiny")
    decoder = decoder_of(folder, compiled.make_static(folder, "float", [], threads=1), (64,))
    expected = ReferenceDecoder(path).logits(np.array(IDS))
    assert cosine_rows(decoder.extend(IDS, "all"), expected).min() > 0.9999


def test_rounded_graphs_follow_float_arithmetic(made):
    folder, path, static = made
    expected = ReferenceDecoder(path).logits(np.array(IDS))
    found = cosine_rows(decoder_of(folder, static).extend(IDS, "all"), expected)
    assert found.mean() > 0.99
    assert found[:40].mean() > 0.998, "before errors pile up in attention that rests on few tokens"


def test_reading_in_chunks_and_token_by_token_agree(made):
    folder, _, static = made
    both, chunks, single = (decoder_of(folder, static, lengths) for lengths in ((64, 1), (64,), (1,)))
    whole = chunks.extend(IDS[:84], "all")
    assert cosine_rows(single.extend(IDS[:20], "all"), whole[:20]).min() > 0.9995
    rows = np.concatenate(
        [both.extend(IDS[:70], "all"), *(both.extend([token], "all") for token in IDS[70:84])]
    )
    assert cosine_rows(rows, whole).min() > 0.9995
    both.truncate(40)
    assert cosine_rows(both.extend(IDS[40:84], "all"), whole[40:]).min() > 0.9995, (
        "what is forgotten leaves nothing"
    )


def test_both_graphs_share_one_file_of_weights(made):
    folder, _, static = made
    one = decoder_graph(InstalledWeights(folder.path), folder.manifest.decoder, chunk=64, context=CONTEXT)
    weights = sum(values.size for values in one._constants.values() if values.dtype == np.float32)
    assert (static.path / "weights.data").stat().st_size < 2.6 * weights, "a byte or two each, once"
    assert [(record.file, record.length) for record in static.record.graphs] == [
        ("decoder_64.onnx", 64),
        ("decoder_1.onnx", 1),
    ]


def test_a_state_is_that_of_the_processors_decoder(made, monkeypatch):
    folder = made[0]
    monkeypatch.setenv("RAGEDGE_HOME", str(folder.path.parents[1]))
    facts = folder.manifest.decoder
    backend = type("StaticCpu", (CpuBackend,), {"graph_profile": "static", "quantization": "a16w8"})()
    here = compiled.open_decoder(folder, backend, threads=1)
    there = Decoder.open(folder.path, facts, CpuBackend(), threads=1, capacity=CONTEXT)
    here.extend(IDS[:40], "none")
    there.extend(IDS[:40], "none")
    mine, theirs = here.state(), there.state()
    assert mine.planes.shape == theirs.planes.shape
    assert mine.nbytes == here.state_bytes(40)
    layers = cosine_rows(
        mine.planes.reshape(len(mine.planes), -1), theirs.planes.reshape(len(mine.planes), -1)
    )
    assert layers.min() > 0.99, "keys in another order would be far off"
    there.restore(mine)
    expected = there.extend(IDS[40:50])
    here.restore(theirs)
    assert cosine_rows(here.extend(IDS[40:50]), expected).min() > 0.99
    assert here.extend([5, 6, 7] * 40, "last", keep_going=lambda: False).shape == (0, facts.vocab_size)
    assert here.reuse([*IDS[:30], 4, 4, 4]) == 30


def test_the_generator_writes_on_a_backend_of_static_graphs(made, monkeypatch):
    folder = made[0]
    monkeypatch.setenv("RAGEDGE_HOME", str(folder.path.parents[1]))
    backend = type("StaticCpu", (CpuBackend,), {"graph_profile": "static", "quantization": "a16w8"})()
    generator = OnnxGenerator.open(folder.path, folder.manifest, backend, threads=1, context_window=CONTEXT)
    messages = [Message("user", TEXTS[0][:60])]
    written = ["".join(generator.generate(messages, GenerationOptions(max_new_tokens=8))) for _ in range(2)]
    assert written[0] == written[1]
    assert written[0]
    assert generator.context_window == CONTEXT


def test_limits_are_kept(made):
    folder, _, static = made
    decoder = decoder_of(folder, static, (64,))
    with pytest.raises(PromptTooLongError, match="512"):
        decoder.extend([5] * 600)
    with pytest.raises(ValueError, match="at least one"):
        decoder.extend([])
    with pytest.raises(ValueError, match="token ids"):
        decoder.extend([10**6])
    decoder.extend(IDS[:5], "all")
    decoder.close()
    assert decoder.length == 0
    assert not any(array.any() for array in (*decoder._keys, *decoder._values))


def test_parity_of_a_backend_with_itself_is_whole(made):
    class StaticCpu(CpuBackend):
        graph_profile, quantization = "static", "a16w8"

    folder, _, static = made
    rows = decoder_parity(folder, static, StaticCpu(), TEXTS, positions=8, threads=1)
    assert [row.graph for row in rows] == ["decoder_64.onnx", "decoder_1.onnx"]
    for row in rows:
        assert row.nodes == row.nodes_on_backend > 100
        assert row.cosine_min > 0.99, "integer kernels round a little otherwise"
        assert row.top1_agreement is not None
        assert row.cosine_installed is not None
        assert row.cosine_installed > 0.98


@pytest.mark.parametrize(("family", "changes", "why"), [("gemma3", {}, "windows"), ("llama", {}, "epsilon")])
def test_what_static_decoders_do_not_know_is_refused(isolated_environment, tmp_path, family, changes, why):
    path: Path = tmp_path / "tiny.gguf"
    write(tiny_of(family, **changes), path)
    folder = import_model(path, name="tiny")
    with pytest.raises(UnsupportedModelError, match=why):
        compiled.make_static(folder, "a16w8", TEXTS, threads=1)
    assert compiled.find_static(folder, "a16w8") is None
