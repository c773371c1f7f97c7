"""Smaller models of an installed generator: what each scheme keeps, on tiny models of random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.errors import ModelError, UnsupportedModelError
from ragedge.measure.bench.quantization import Compared, compare, recommend
from ragedge.models import compiled, store
from ragedge.models.compile.adapter_graph import with_adapter_inputs
from ragedge.models.compile.static.decoder import chunk_feed
from ragedge.models.compile.static.installed import InstalledWeights
from ragedge.models.importer import import_model
from ragedge.models.quantize.four_bit_blocks import four_bit_blocks
from ragedge.models.quantize.gptq import gptq
from ragedge.models.quantize.graph import Coded, InstalledGraph, Split
from ragedge.models.quantize.grids import plain_grid, rounded, searched_grid
from ragedge.models.quantize.quantizing import Recipe, kept_in_eight, output_error, quantize, split_rows
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.session import open_session
from ragedge.runtime.static_decoder import StaticDecoder
from tests.tools.graph_driver import GraphDriver, cosines
from tests.tools.make_tiny_gguf import tiny_of, write

TEXTS = ["".join(map(chr, np.random.default_rng(seed).integers(33, 127, 150))) for seed in range(24)]
IDS = np.random.default_rng(1).integers(3, 260, 120)


@pytest.fixture
def tiny(isolated_environment: Path, tmp_path: Path):
    """Import tiny generators of a kind of blocks."""

    def install(kind: str, name: str = "tiny", family: str = "llama"):
        path = tmp_path / f"{name}.gguf"
        write(tiny_of(family, kind=kind, epsilon=1e-6), path)
        return import_model(path, name=name)

    return install


def logits(folder) -> np.ndarray:
    return GraphDriver(folder.path).logits(IDS)


def inputs_and_weights() -> tuple[np.ndarray, np.ndarray]:
    """Inputs whose columns move together, as a model's do, and plain random weights."""
    random = np.random.default_rng(0)
    inputs = random.standard_normal((1500, 16)) @ random.standard_normal((16, 128))
    inputs = (inputs + 0.1 * random.standard_normal(inputs.shape)) * random.uniform(0.1, 3, 128)
    return inputs.astype(np.float32), random.standard_normal((64, 128)).astype(np.float32)


def test_each_scheme_leaves_less_error_than_the_one_before() -> None:
    inputs, weights = inputs_and_weights()
    moments = inputs.T @ inputs / len(inputs)
    searched = searched_grid(weights, 32, 4, np.diag(moments).copy())
    errors = [
        output_error(weights, coded.dequantize(), moments)
        for coded in (
            rounded(weights, plain_grid(weights, 32, 4)),
            rounded(weights, searched),
            gptq(weights, searched, moments),
        )
    ]
    by_hand = np.linalg.norm(inputs @ (rounded(weights, searched).dequantize() - weights).T) ** 2
    assert errors[1] == pytest.approx(by_hand / np.linalg.norm(inputs @ weights.T) ** 2, rel=1e-3)
    assert errors[0] > errors[1] > 2 * errors[2]


def test_without_inputs_gptq_is_rounding() -> None:
    _, weights = inputs_and_weights()
    grid = plain_grid(weights, 32, 4)
    same = gptq(weights, grid, np.eye(128, dtype=np.float32))
    np.testing.assert_array_equal(same.codes, rounded(weights, grid).codes)


def test_blocks_of_four_bits_are_found_again() -> None:
    random = np.random.default_rng(3)
    steps = random.uniform(0.001, 0.1, (40, 6, 1))
    offsets = random.uniform(-12, 2, steps.shape) * steps
    codes = random.integers(0, 16, (40, 6, 32))
    codes[0, 0] = 7  # one weight throughout
    codes[0, 1] = codes[0, 1] // 8 * 8  # two weights, eight steps apart
    codes[0, 2] = codes[0, 2] // 3 * 3
    weights = (codes * steps + offsets).astype(np.float32).reshape(40, -1)
    found = four_bit_blocks(weights, "any")
    np.testing.assert_allclose(found.dequantize(), weights, atol=2e-6)
    inside = (found.blocks.zero_points > 0) & (found.blocks.zero_points < 15)
    assert (np.abs(found.offsets)[inside] <= 0.501 * found.blocks.scales[inside]).all()
    with pytest.raises(UnsupportedModelError, match="not of 4 bits"):
        four_bit_blocks(random.standard_normal((4, 64)).astype(np.float32), "any")


@pytest.mark.parametrize("kind", ["Q4_1", "Q4_0"])
def test_exact4_keeps_what_the_file_had(tiny, kind: str) -> None:
    source = tiny(kind)
    exact = quantize("tiny", Recipe("exact4"), [], threads=1)
    rough = quantize("tiny", Recipe("round4"), [], threads=1)
    assert exact.path.name == "tiny-exact4"
    assert "source's own blocks" in exact.manifest.quantization
    assert exact.manifest.decoder == source.manifest.decoder
    assert exact.manifest.fingerprint != source.manifest.fingerprint
    assert not store.verify_model("tiny-exact4")
    expected = logits(source)
    near = cosines(logits(exact), expected).mean()
    assert near > 0.998
    assert near > cosines(logits(rough), expected).mean() + (0.005 if kind == "Q4_1" else 0)
    if kind == "Q4_1":
        assert exact.size_bytes < source.size_bytes
    driver = GraphDriver(exact.path)
    np.testing.assert_allclose(driver.logits(IDS, 1), driver.logits(IDS), atol=0.2)  # as decoding reads it


def test_exact4_reads_back_as_its_source(tiny) -> None:
    """Static graphs for NPUs and adapters are made of what the graph says of its weights."""
    source = tiny("Q4_1")
    made = quantize("tiny", Recipe("exact4", head="split", share=0.8), TEXTS, threads=1)
    one, other = InstalledWeights(source.path), InstalledWeights(made.path)
    for name in ("blk.0.qkv.y", "blk.2.down.y"):
        weights = one.linear(name)[0]
        error = np.abs(other.linear(name)[0] - weights).max()
        assert error < 0.1 * np.abs(weights).max() / 7
    assert other.linear("logits")[0].shape == one.linear("logits")[0].shape
    np.testing.assert_allclose(other.table("embedded"), other.linear("logits")[0], atol=1e-6)  # tied
    sites = [with_adapter_inputs((path / "model.onnx").read_bytes())[1] for path in (source.path, made.path)]
    assert sites[0] == sites[1]


def test_a_split_head_computes_what_the_whole_one_does(tiny, tmp_path: Path) -> None:
    source = tiny("Q8_0")
    graph = InstalledGraph(source.path)
    head = graph.matrices[-1]
    assert head.tied
    whole = graph.first_rows(head, head.rows)
    rest = type(whole.blocks)(
        whole.blocks.codes[64:], whole.blocks.scales[64:], whole.blocks.zero_points[64:]
    )
    out = tmp_path / "split"
    out.mkdir()
    graph.write(out, {"logits": Split(graph.first_rows(head, 64), Coded(rest, 8))})
    assert {id_ < 64 for id_ in IDS.tolist()} == {True, False}
    np.testing.assert_allclose(GraphDriver(out).logits(IDS), logits(source), atol=1e-4)


def test_a_split_head_keeps_as_many_rows_as_there_is_room_for(tiny) -> None:
    graph = InstalledGraph(tiny("Q8_0").path)
    head = graph.matrices[-1]
    narrow = Coded(rounded(graph.weights(head), plain_grid(graph.weights(head), 32, 4)), 4)
    every = {one.name: narrow for one in graph.matrices[:-1]}  # all others are of 4 bits
    source_bytes = sum(one.rows * one.columns * 9 // 8 for one in graph.matrices)
    kept = [
        split_rows(graph, head, narrow, every, source_bytes, Recipe("gptq4", head="split", share=share))
        for share in (0.3, 0.63, 1.0)
    ]
    assert kept[0] is narrow
    assert isinstance(kept[1], Split)
    count = len(kept[1].first.blocks.codes)
    assert 0 < count < head.rows
    assert count + len(kept[1].rest.blocks.codes) == head.rows
    assert (kept[1].first.bits, kept[1].rest.bits) == (8, 4)
    assert kept[2] is None


def test_texts_choose_the_codes_and_the_matrices_that_stay(tiny) -> None:
    source = tiny("Q8_0")
    found = {}
    for scheme in ("round4", "search4", "gptq4", "mixed4"):
        made = quantize("tiny", Recipe(scheme, share=0.9), TEXTS, threads=1)  # type: ignore[arg-type]
        found[scheme] = {one.name: one.bits for one in InstalledGraph(made.path).matrices}
        assert found[scheme].pop("logits") == 8
    assert {bits for scheme in ("round4", "search4", "gptq4") for bits in found[scheme].values()} == {4}
    assert set(found["mixed4"].values()) == {4, 8}
    with_text = (
        store.find("tiny-gptq4"),
        quantize("tiny", Recipe("gptq4"), TEXTS[::-1][:6], called="b", threads=1),
    )
    assert with_text[0].manifest.fingerprint != with_text[1].manifest.fingerprint
    rows = compare("tiny", ["tiny-round4", "tiny-gptq4"], TEXTS[12:], windows=4, threads=1, speed=False)
    assert rows[0].perplexity_ratio == (1, 1, 1)
    assert (rows[0].kl, rows[0].top1_agreement) == (0, 1)
    assert 0 < rows[2].kl < rows[1].kl
    assert rows[1].share == rows[1].bytes / source.size_bytes


def test_the_most_sensitive_for_their_size_stay_in_eight_bits(tiny) -> None:
    matrices = InstalledGraph(tiny("Q8_0").path).matrices[:-1]
    source_bytes = sum(one.rows * one.columns * 9 // 8 for one in matrices)
    costs = {one.name: 0.1 if ".qkv" in one.name else 0.001 for one in matrices}
    kept = kept_in_eight(matrices, costs, source_bytes, Recipe("mixed4", share=0.8))
    assert kept
    assert all(".qkv" in one.name for one in kept[:3])
    assert kept_in_eight(matrices, costs, source_bytes, Recipe("mixed4", share=0.1)) == []


def test_what_cannot_be_made_smaller_is_said(tiny, home_with_embedder: Path) -> None:
    tiny("Q8_0")
    with pytest.raises(UnsupportedModelError, match="embedder"):
        quantize("minilm-l6", Recipe("round4"), [], threads=1)
    with pytest.raises(ModelError, match="needs texts of yours"):
        quantize("tiny", Recipe("gptq4"), [" "], threads=1)
    with pytest.raises(UnsupportedModelError, match="not of 4 bits"):
        quantize("tiny", Recipe("exact4"), [], threads=1)
    with pytest.raises(UnsupportedModelError, match="do not fill blocks of 64"):
        quantize("tiny", Recipe("round4", group=64), [], threads=1)
    with pytest.raises(ModelError, match="name is 1 to 64"):
        quantize("tiny", Recipe("round4"), [], called="../up", threads=1)
    assert store.names() == ["minilm-l6", "tiny"]
    quantize("tiny", Recipe("round4"), [], threads=1)
    with pytest.raises(ModelError, match="installed already"):
        quantize("tiny", Recipe("round4"), [], threads=1)


def test_what_was_made_smaller_is_not_made_smaller_again(tiny) -> None:
    tiny("Q4_1")
    quantize("tiny", Recipe("exact4"), [], threads=1)
    with pytest.raises(UnsupportedModelError, match="made smaller already"):
        quantize("tiny-exact4", Recipe("round4"), [], threads=1)


def test_the_best_that_fits_is_recommended() -> None:
    rows = [
        Compared(name, "", size, 1, 9, (1, 1, 1), kl, 1, 9, None, None, None)
        for name, size, kl in (("source", 160, 0.0), ("a", 100, 0.04), ("b", 90, 0.09), ("c", 95, 0.02))
    ]
    assert [getattr(recommend(rows, budget), "model", None) for budget in (200, 100, 94, 89)] == [
        "source", "c", "b", None,
    ]  # fmt: skip


def test_the_command_makes_compares_and_recommends(
    tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)
    tiny("Q8_0")
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    options = [
        "models",
        "quantize",
        "tiny",
        "--texts",
        str(tmp_path / "texts.txt"),
        "--windows",
        "2",
        "--force",
    ]
    done = CliRunner().invoke(cli, [*options, "--scheme", "search4", "--budget-mb", "50", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert [row["model"] for row in found["report"]] == ["tiny", "tiny-search4"]
    assert found["recommended"] == "tiny"
    assert all(row["tok_s"] > 0 and row["rss_mb"] > 0 for row in found["report"])
    assert found["report"][1]["perplexity_ratio"]["low"] <= found["report"][1]["perplexity_ratio"]["value"]
    done = CliRunner().invoke(cli, [*options, "--scheme", "round4", "--budget-mb", "0.001"])
    assert done.exit_code == 1
    assert "none fits 0.001 MB" in done.output
    assert "positions that nothing was calibrated with" in done.output


def test_static_graphs_are_made_of_a_smaller_model(tiny) -> None:
    tiny("Q4_1")
    made = quantize("tiny", Recipe("exact4", head="4"), TEXTS, threads=1)
    static = compiled.make_static(made, "float", [], threads=1)
    facts = made.manifest.decoder
    sessions = {
        one.length: open_session(static.graph(one), CpuBackend(), threads=1) for one in static.record.graphs
    }
    feed = lambda ids, held, chunk: chunk_feed(ids, held, chunk=chunk, context=512, groups=2)  # noqa: E731
    found = StaticDecoder(sessions, facts, 512, feed, facts.layers).extend(IDS.tolist(), "all")
    assert cosines(found, logits(made)).mean() > 0.995
