"""The second graph, which reads prompts over bytes: near the first, in the same buffers, and each token by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragedge.errors import ModelError, ModelIntegrityError, UnsupportedModelError
from ragedge.measure.bench.quantization import compare
from ragedge.models import store
from ragedge.models.importer import import_model
from ragedge.models.quantize.graph import Matrix
from ragedge.models.quantize.quantizing import Recipe, quantize
from ragedge.models.quantize.smoothing import left_in_blocks, smoothed
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.decoder import Decoder
from tests.tools.graph_driver import cosines
from tests.tools.make_tiny_gguf import tiny_of, write

TEXTS = ["".join(map(chr, np.random.default_rng(seed).integers(33, 127, 150))) for seed in range(24)]
IDS = np.random.default_rng(1).integers(3, 260, 120).tolist()


@pytest.fixture
def tiny(isolated_environment: Path, tmp_path: Path):
    """Import a tiny generator of a family, and make one with a second graph of it."""

    def install(family: str = "llama"):
        path = tmp_path / f"{family}.gguf"
        write(tiny_of(family, kind="Q8_0", epsilon=1e-6), path)
        source = import_model(path, name="tiny")
        return source, quantize("tiny", Recipe("smooth8"), TEXTS, threads=1)

    return install


def opened(folder, chunk_tokens: int = 256) -> Decoder:
    facts = folder.manifest.decoder
    return Decoder.open(folder.path, facts, CpuBackend(), threads=1, capacity=256, chunk_tokens=chunk_tokens)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_what_it_reads_the_first_graph_goes_on_from(tiny, family: str) -> None:
    source, made = tiny(family)
    assert not store.verify_model("tiny-smooth8")
    assert made.manifest.decoder == source.manifest.decoder
    assert made.manifest.fingerprint != source.manifest.fingerprint
    usual, second = opened(source), opened(made)
    expected, found = usual.extend(IDS[:100]).copy(), second.extend(IDS[:100]).copy()
    assert cosines(found, expected).min() > 0.98
    assert np.abs(found - expected).max() > 1e-4, "both read with one graph"
    steps = [(one.extend(IDS[100:], "all").copy()) for one in (usual, second)]
    assert cosines(steps[1], steps[0]).mean() > 0.98
    blind = opened(made)
    blind.extend(IDS[99:100] * 2)
    assert (
        cosines(blind.extend(IDS[100:], "all"), steps[0]).mean() < cosines(steps[1], steps[0]).mean() - 0.01
    )


def test_a_prompt_gives_equal_bits_however_it_is_cut_and_whatever_was_held(tiny) -> None:
    _, made = tiny()
    whole = opened(made).extend(IDS).copy()
    assert np.array_equal(opened(made, chunk_tokens=7).extend(IDS), whole)
    decoder = opened(made)
    decoder.extend([*IDS[:60], 9, 9, 9])
    assert decoder.reuse(IDS) == 60
    assert np.array_equal(decoder.extend(IDS[60:]), whole)


def test_the_report_reads_with_the_second_graph(tiny) -> None:
    tiny()
    rows = compare("tiny", ["tiny-smooth8"], TEXTS, windows=2, threads=1, speed=False)
    assert 0 < rows[1].kl < 0.1
    assert rows[1].bytes > rows[0].bytes


def test_an_adapter_s_graph_reads_prompts_itself(tiny) -> None:
    source, made = tiny()
    graph = (made.path / "model.onnx").read_bytes()
    decoder = Decoder.open(
        made.path, made.manifest.decoder, CpuBackend(), threads=1, capacity=256, graph=graph
    )
    assert np.array_equal(decoder.extend(IDS), opened(source).extend(IDS))


def test_a_second_graph_of_another_model_is_refused(tiny) -> None:
    _, made = tiny()
    (made.path / "prompt.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelIntegrityError):
        opened(made)


def test_what_is_asked_for_in_vain_is_refused(tiny) -> None:
    tiny()
    with pytest.raises(UnsupportedModelError, match="second graph"):
        quantize("tiny-smooth8", Recipe("round4"), [], threads=1)
    with pytest.raises(ModelError, match="needs texts"):
        quantize("tiny", Recipe("smooth8"), [" "], called="other", threads=1)
    with pytest.raises(ModelError, match="output matrix"):
        quantize("tiny", Recipe("smooth8", head="4"), TEXTS, called="other", threads=1)


def test_smoothing_takes_the_outlier_off_the_other_columns() -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((64, 96)).astype(np.float32)
    rows[:, 5] *= 80
    weights = {"w": random.standard_normal((32, 96)).astype(np.float32)}
    weights["w"][:, 5] /= 80  # what comes of that column is no larger than of the others
    chosen = smoothed(rows, np.abs(rows).max(axis=0), weights)
    assert chosen.factors[5] > 20 * np.median(chosen.factors)
    assert np.exp(np.log(chosen.factors).mean()) == pytest.approx(1, rel=1e-3)
    scale = np.abs(rows).max(axis=1, keepdims=True) / 127
    exact = rows @ weights["w"].T
    plain = (np.rint(rows / scale) * scale) @ weights["w"].T - exact
    unsmoothed = float(((plain**2).sum(axis=1) / (exact**2).sum(axis=1)).mean())
    assert chosen.errors["w"] < unsmoothed / 20


def test_the_part_that_errs_most_is_left_in_every_layer() -> None:
    matrices = [
        Matrix(f"blk.{layer}.{part}.y", f"blk.{layer}.{part}_in", 8, 8, 8, 32, tied=False)
        for layer in range(3)
        for part in ("qkv", "down")
    ]
    errors = {one.name: 0.004 if one.name == "blk.0.qkv.y" else 0.001 for one in matrices}
    errors |= {f"blk.{layer}.down.y": 0.003 for layer in range(3)}
    assert left_in_blocks(matrices, errors) == {f"blk.{layer}.down.y" for layer in range(3)}
