"""Adapters on a tiny compiled GGUF, against a float32 decoder in numpy that has the same adapter."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from test_onnx_generator import ask, opened

from ragedge.datatypes import GenerationOptions
from ragedge.errors import (
    ModelIntegrityError,
    ModelNotFoundError,
    SessionMismatchError,
    UnsupportedModelError,
)
from ragedge.generate.onnx_generator import OnnxGenerator
from ragedge.models.lora import from_bytes, read_peft
from ragedge.models.manifest import FileRecord, Manifest, SourceRecord
from ragedge.runtime.cpu_backend import create
from ragedge.testing.tiny_decoder import write_tiny_decoder

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from make_tiny_gguf import tiny_of, write
from reference_decoder import ReferenceDecoder

IDS = np.random.default_rng(5).integers(3, 260, 90)
PARTS = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up"}
PARTS["down"] = "ffn_down"
GREEDY = GenerationOptions(max_new_tokens=12)


class AdaptedReference(ReferenceDecoder):
    """Adds B A x to the products that a PEFT folder changes; notes the input of the last one."""

    def __init__(self, path, pairs, scale):
        super().__init__(path)
        self.pairs, self.scale = pairs, scale

    def _linear(self, x, name):
        y = super()._linear(x, name)
        _, layer, gguf_part = name.split(".")
        part = next(part for part, known in PARTS.items() if known == gguf_part)
        self.last_input = x
        if (int(layer), part) in self.pairs:
            a, b = self.pairs[int(layer), part]
            delta = self.scale * (x @ a.T) @ b.T
            if part in "qk" and self._arch == "llama":  # row 2 i + j of a head is row j dim / 2 + i in PEFT
                half = self.head_dim // 2
                heads = delta.shape[-1] // self.head_dim
                order = [
                    h * self.head_dim + j * half + i
                    for h in range(heads)
                    for i in range(half)
                    for j in (0, 1)
                ]
                delta = delta[:, order]
            y = y + delta
        return y


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    from ragedge.models.compile.gguf_decoder import compile_gguf

    def make(family):
        folder = tmp_path_factory.mktemp(family)
        path = folder / "model.gguf"
        write(tiny_of(family, "F32"), path)
        (folder / "model").mkdir()
        compiled = compile_gguf(path, folder / "model")
        files = {one.name: FileRecord(sha256="0" * 64, bytes=1) for one in (folder / "model").iterdir()}
        manifest = Manifest(
            name=family, kind="generator", architecture=family, licence="", quantization="none", files=files,
            source=SourceRecord(carrier="random numbers", weights_sha256="0" * 64), decoder=compiled.facts,
            compiler="test",
        )  # fmt: skip
        return path, folder / "model", manifest

    return {family: make(family) for family in ("llama", "qwen2")}


def with_adapters(model, **options):
    _, folder, manifest = model
    return OnnxGenerator.open(
        folder, manifest, create({}), threads=1, context_window=256, adapters=True, **options
    )


def random_pairs(path, rank=4, seed=0, parts=PARTS):
    """For every layer: A and B of each part, large enough to be seen."""
    reference, rng = ReferenceDecoder(path), np.random.default_rng(seed)
    pairs = {}
    for layer in range(reference.layers):
        for part in parts:
            rows, columns = reference._w(f"blk.{layer}.{PARTS[part]}.weight").shape
            a = rng.standard_normal((rank, columns)) / np.sqrt(columns)
            b = rng.standard_normal((rows, rank)) * 0.4 / np.sqrt(rank)
            pairs[layer, part] = (a.astype(np.float32), b.astype(np.float32))
    return pairs


def save_peft(folder, pairs, rank=4, alpha=8, **config):
    folder.mkdir(exist_ok=True)
    facts = {"peft_type": "LORA", "r": rank, "lora_alpha": alpha, **config}
    (folder / "adapter_config.json").write_text(json.dumps(facts), encoding="utf-8")
    tensors = {}
    for (layer, part), (a, b) in pairs.items():
        block = "self_attn" if part in "qkvo" else "mlp"
        name = f"base_model.model.model.layers.{layer}.{block}.{part}_proj"
        tensors |= {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def cosine(left, right):
    return float((left * right).sum() / np.sqrt((left * left).sum() * (right * right).sum()))


def logits(generator, name=""):
    generator._adapters.activate(name, generator._decoder, generator._slots)
    generator._decoder.reset()
    return generator._decoder.extend([int(i) for i in IDS], "all").copy()


@pytest.mark.parametrize("family", ["llama", "qwen2"])
@pytest.mark.parametrize("parts", [tuple(PARTS), ("q", "v")])
def test_it_computes_what_float32_arithmetic_does(models, family, parts, tmp_path):
    path = models[family][0]
    pairs = random_pairs(path, parts=parts)
    generator = with_adapters(models[family])
    generator.add_adapter("tone", read_peft(save_peft(tmp_path / "peft", pairs)))
    expected = AdaptedReference(path, pairs, scale=8 / 4).logits(IDS)
    found = logits(generator, "tone")
    assert cosine(found, expected) > 0.99
    plain = ReferenceDecoder(path).logits(IDS)
    assert cosine(found, plain) < 0.98
    assert cosine(logits(generator), plain) > 0.995, "without it the model is what it was"


def test_the_comparison_notices_rows_in_the_wrong_order(models, tmp_path, monkeypatch):
    pairs = random_pairs(models["llama"][0], parts=("q", "k"))
    monkeypatch.setattr("ragedge.models.lora._neighbours", lambda rows, head_dim: rows)
    generator = with_adapters(models["llama"])
    generator.add_adapter("tone", read_peft(save_peft(tmp_path / "peft", pairs)))
    expected = AdaptedReference(models["llama"][0], pairs, scale=8 / 4).logits(IDS)
    assert cosine(logits(generator, "tone"), expected) < 0.98


def trained(path, prompts, token, steps=60, rank=2):
    """Train the last down projection's B by gradient descent so that ``token`` follows each prompt."""
    reference = AdaptedReference(path, {}, scale=1.0)
    layer = reference.layers - 1
    weight = reference._w(f"blk.{layer}.ffn_down.weight")
    head = reference._w("token_embd.weight") * 1.0
    norm = reference._w("output_norm.weight")
    rng = np.random.default_rng(1)
    a = (rng.standard_normal((rank, weight.shape[1])) / np.sqrt(weight.shape[1])).astype(np.float32)
    b = np.zeros((weight.shape[0], rank), np.float32)
    for _ in range(steps):
        gradient = np.zeros_like(b)
        reference.pairs = {(layer, "down"): (a, b)}
        for prompt in prompts:
            reference.hidden = None
            scores = reference.logits(prompt)[-1]
            x = reference.last_input[-1]
            h = reference.final[-1]
            share = np.exp(scores - scores.max())
            share /= share.sum()
            share[token] -= 1  # of the cross-entropy
            size = np.sqrt((h * h).mean() + reference.epsilon)
            up = (share @ head) * norm
            back = up / size - h * (up @ h) / (len(h) * size**3)  # through the norm
            gradient += np.outer(back, a @ x)
        b -= 2.0 * gradient / len(prompts)
    return {(layer, "down"): (a, b)}


def test_one_that_was_trained_acts_when_it_is_asked_for_and_not_otherwise(models, tmp_path, monkeypatch):
    path = models["llama"][0]

    def norm(self, x, weight, plain=ReferenceDecoder._norm):
        if weight == "output_norm.weight":
            self.final = x
        return plain(self, x, weight)

    monkeypatch.setattr(AdaptedReference, "_norm", norm)
    generator = with_adapters(models["llama"], slot_bytes=1 << 24)
    prompts = [generator._encoder.encode(ask(text)) for text in ("oil", "tyres", "a fuse", "the brakes")]
    token = generator._encoder.encode_plain("!")[0]
    pairs = trained(path, prompts, token)
    generator.add_adapter("loud", read_peft(save_peft(tmp_path / "peft", pairs, rank=2, alpha=2)))

    def first(text, adapter):
        options = GenerationOptions(max_new_tokens=1, adapter=adapter)
        return "".join(generator.generate(ask(text), options))

    before = [first(text, "") for text in ("oil", "tyres")]
    assert before != ["!", "!"]
    assert [first(text, "loud") for text in ("oil", "tyres", "a fuse")] == ["!"] * 3
    assert [first(text, "") for text in ("oil", "tyres")] == before, "switched off without loading anything"


def test_several_take_turns_and_what_one_read_is_not_taken_for_anothers(models, tmp_path):
    path = models["llama"][0]
    generator = with_adapters(models["llama"], slot_bytes=1 << 26)
    alone = {}
    for seed, name in enumerate(("one", "two"), 1):
        data = read_peft(save_peft(tmp_path / name, random_pairs(path, seed=seed)))
        generator.add_adapter(name, data)
        single = with_adapters(models["llama"])
        single.add_adapter(name, data)
        alone[name] = "".join(single.generate(ask("the same words " * 5), options_for(name)))
    alone[""] = "".join(opened_plain(models["llama"]).generate(ask("the same words " * 5), GREEDY))
    assert len(set(alone.values())) == 3
    for name in ("one", "", "two", "one", "two", ""):
        generation = generator.generate(ask("the same words " * 5), options_for(name))
        assert "".join(generation) == alone[name]
    assert generation.stats.cached_tokens == generation.stats.prompt_tokens - 2, (
        "its own slot was found again"
    )


def options_for(name):
    return GenerationOptions(max_new_tokens=12, adapter=name)


def opened_plain(model):
    _, folder, manifest = model
    return OnnxGenerator.open(folder, manifest, create({}), threads=1, context_window=256)


def test_a_saved_answer_goes_on_under_its_adapter_alone(models, tmp_path):
    data = read_peft(save_peft(tmp_path / "peft", random_pairs(models["llama"][0])))

    def adapted():
        generator = with_adapters(models["llama"])
        generator.add_adapter("tone", data)
        return generator

    whole = "".join(adapted().generate(ask("x"), options_for("tone")))
    generator = adapted()
    generation = generator.generate(ask("x"), options_for("tone"))
    begun = "".join(itertools.islice(generation, 3))
    saved = generator.save(generation)
    generation.close()
    assert begun + "".join(adapted().resume(saved)) == whole
    with pytest.raises(SessionMismatchError, match="with the adapter"):
        with_adapters(models["llama"]).load(saved)


def test_it_is_kept_in_8_bits_and_close(models, tmp_path):
    pairs = random_pairs(models["llama"][0])
    data = read_peft(save_peft(tmp_path / "peft", pairs))
    floats = sum(a.nbytes + b.nbytes for a, b in pairs.values())
    assert len(data) < 0.75 * floats  # tiny matrices: scales and names weigh more than in a real one
    read = from_bytes(data)
    a, b = pairs[0, "q"]
    np.testing.assert_allclose(read.pairs[0, "q"][0], a, atol=np.abs(a).max() / 120)
    np.testing.assert_allclose(read.pairs[0, "q"][1], 2 * b, atol=np.abs(2 * b).max() / 120)
    assert read.rank == 4


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"r": 0}, "rank 0"),
    ],
)
def test_what_no_adapter_here_can_do_is_named(models, tmp_path, config, says):
    folder = save_peft(tmp_path / "peft", random_pairs(models["llama"][0], parts=("q",)), **config)
    with pytest.raises(UnsupportedModelError, match=says):
        read_peft(folder)


def test_one_for_a_model_of_another_shape_is_refused(models, tmp_path):
    pairs = {(0, "q"): (np.ones((4, 32), np.float32), np.ones((64, 4), np.float32))}
    data = read_peft(save_peft(tmp_path / "peft", pairs))
    with pytest.raises(UnsupportedModelError, match="q of layer 0 is 64 by 32"):
        with_adapters(models["llama"]).add_adapter("other", data)


def test_a_folder_that_is_none_and_damaged_bytes_are_refused(tmp_path):
    with pytest.raises(ModelIntegrityError, match="not a PEFT adapter"):
        read_peft(tmp_path)
    with pytest.raises(ModelIntegrityError, match="damaged"):
        from_bytes(b"nothing of the kind")


def test_an_unknown_name_is_refused_before_anything_is_read(tmp_path):
    write_tiny_decoder(tmp_path)
    generator = opened(tmp_path)
    assert not generator.capabilities.adapters
    with pytest.raises(ModelNotFoundError, match="no adapter named 'x'"):
        generator.generate(ask("x"), options_for("x"))
    with pytest.raises(UnsupportedModelError, match="without inputs for adapters"):
        generator.add_adapter("x", b"")
