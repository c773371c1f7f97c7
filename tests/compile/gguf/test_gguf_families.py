"""Each family against a float32 decoder in numpy, and proof that the comparison notices each mistake."""

import numpy as np
import pytest
from graph_driver import GraphDriver, cosines
from make_tiny_gguf import FAMILIES, LONGROPE, TYPES, YARN, tiny_of
from reference_decoder import ReferenceDecoder

IDS = np.random.default_rng(1).integers(3, 260, 160)
CLOSE, FAR = 0.995, 0.98  # mean cosine of the logits; what is left below 1 is 8-bit activations


def agreement(folder, expected):
    return float(cosines(GraphDriver(folder).logits(IDS), expected).mean())


@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_float32_arithmetic(build, family):
    path, folder = build(tiny_of(family))
    reference = ReferenceDecoder(path)
    expected = reference.logits(IDS)
    assert reference.peak > 0.3  # attention past position 80 rests on few tokens, so positions matter
    found = cosines(GraphDriver(folder).logits(IDS), expected)
    assert found.mean() > CLOSE
    assert found[100:].mean() > CLOSE - 0.002


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_do_not_depend_on_how_the_prompt_is_cut(build, family):
    _, folder = build(tiny_of(family))
    driver = GraphDriver(folder)
    whole = driver.logits(IDS)
    for chunk, capacity in ((37, None), (1, 200), (len(IDS), 300)):
        found = cosines(driver.logits(IDS, chunk, capacity), whole)
        assert found.mean() > 0.999, chunk


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_of_logits_are_those_asked_for(build, family):
    _, folder = build(tiny_of(family))
    driver = GraphDriver(folder)
    whole = driver.logits(IDS)
    assert driver.logits(IDS, wanted="none").shape == (0, whole.shape[1])
    np.testing.assert_allclose(driver.logits(IDS, wanted="last")[0], whole[-1], atol=1e-4)


MISTAKES = [
    *((family, "rope base", {"rope_base": 123.0}) for family in FAMILIES),
    *((family, "norm epsilon", {"epsilon": 0.001}) for family in FAMILIES),
    ("qwen2", "bias", {"without": tuple(f"blk.{i}.attn_{p}.bias" for i in range(3) for p in "qkv")}),
    ("llama3", "rope factors", {"without": ("rope_freqs.weight",)}),
    ("gemma3", "window too short", {"window": 23}),
    ("gemma3", "window too long", {"window": 25}),
    (
        "llama",
        "position scaling",
        {"extra": {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 1.5}},
    ),
]


@pytest.mark.parametrize(("family", "mistake", "change"), MISTAKES, ids=[f"{f}-{m}" for f, m, _ in MISTAKES])
def test_a_mistake_shows(build, family, mistake, change):
    """Compile a file with one thing changed and compare with the unchanged one: the cosine must fall."""
    path, _ = build(tiny_of(family), "right")
    _, folder = build(tiny_of(family, **change), "wrong")
    assert agreement(folder, ReferenceDecoder(path).logits(IDS)) < FAR, mistake


@pytest.mark.parametrize("family", FAMILIES)
def test_a_wrong_permutation_shows(build, monkeypatch, family):
    from ragedge.models.compile import decoder_config

    right = decoder_config.Rope

    def flipped(*given, interleaved, **others):
        return right(*given, interleaved=not interleaved, **others)

    monkeypatch.setattr(decoder_config, "Rope", flipped)
    path, folder = build(tiny_of(family))
    assert agreement(folder, ReferenceDecoder(path).logits(IDS)) < FAR


def test_linear_position_scaling_is_followed(build):
    extra = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    path, folder = build(tiny_of("llama", extra=extra))
    assert agreement(folder, ReferenceDecoder(path).logits(IDS)) > CLOSE


def test_minicpm_divides_its_logits(build):
    path, folder = build(tiny_of("minicpm"))
    expected = ReferenceDecoder(path).logits(IDS)
    found = GraphDriver(folder).logits(IDS)
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(expected), rel=0.02)


@pytest.mark.parametrize(("family", "scaling"), [("llama", YARN), ("qwen2", YARN), ("phi3", LONGROPE)])
def test_yarn_and_longrope_are_followed(build, family, scaling):
    extra = {f"{family}.rope.{key}": value for key, value in scaling.items()}
    path, folder = build(tiny_of(family, extra=extra), "right")
    expected = ReferenceDecoder(path).logits(IDS)
    assert agreement(folder, expected) > CLOSE
    _, plain = build(tiny_of(family, without=("rope_factors_short.weight",)), "wrong")
    assert agreement(plain, expected) < FAR


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_heads_may_turn_in_part(build, family):
    path, folder = build(tiny_of(family, head_dim=32, rotary=16))
    assert agreement(folder, ReferenceDecoder(path).logits(IDS)) > CLOSE


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("family", ["llama", "gemma3"])
def test_every_tensor_type(build, family, kind):
    path, folder = build(tiny_of(family, kind))
    assert agreement(folder, ReferenceDecoder(path).logits(IDS)) > CLOSE - 0.003


def test_an_embedding_that_is_also_the_head_is_stored_once(build):
    _, tied = build(tiny_of("llama", tied=True), "tied")
    _, own = build(tiny_of("llama", tied=False), "own")
    vocab = len(GraphDriver(tied).logits(IDS[:1])[0])
    saved = (own / "model.onnx.data").stat().st_size - (tied / "model.onnx.data").stat().st_size
    assert saved >= vocab * 64


def test_equal_files_compile_to_equal_bytes(build):
    _, one = build(tiny_of("qwen3"), "one")
    _, two = build(tiny_of("qwen3"), "two")
    for name in ("model.onnx", "model.onnx.data", "tokenizer.json", "chat_template.jinja"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize(("kind", "columns"), [("Q8_0", 16), ("Q4_1", 16), ("Q4_0", 32)])
def test_the_second_feed_forward_matrix_is_rounded_in_short_blocks(build, kind, columns):
    import onnx

    _, folder = build(tiny_of("llama", kind))
    nodes = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph.node
    found = {
        node.name: {a.name: a.i for a in node.attribute}["block_size"]
        for node in nodes
        if node.op_type == "MatMulNBits"
    }
    assert found["blk.0.down.y"] == columns
    assert {block for name, block in found.items() if not name.endswith(".down.y")} == {32}
