"""The compiled decoders and tokenizers against llama.cpp itself."""

import json

import gguf
import numpy as np
import pytest
from graph_driver import GraphDriver, cosines
from make_tiny_gguf import FAMILIES, LONGROPE, TYPES, YARN, tiny_of, write
from tokenizers import Tokenizer, models, normalizers, trainers

from ragedge.models.compile.gguf_decoder import compile_gguf
from ragedge.models.compile.gguf_header import read_header
from ragedge.models.compile.gguf_tokenizer import _SPLITS, read_tokenizer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the peer's own
]

IDS = np.random.default_rng(1).integers(3, 260, 160)
TEXTS = [
    "Hello world", "  two leading spaces", "\n\nnew\n lines \n\n\n", "\ttabs\t\tand  spaces   ", "", " ", "\n\n\n\n\n",
    "Drain plug torque: 39 N·m (29 ft·lb) 2,345.67 12345678 007", "1 22 333 4444 55555", "٣٤٥ ½ ² Ⅷ",
    "日本語のマニュアル。エンジンオイルの交換は、5,000kmごとに行ってください。", "カタカナ ひらがな 漢字　全角スペース",
    "def f(x):\n    return x**2 + 3  # comment\n\n\nclass A:\n\tpass\n", "😀🚗 emoji 👩‍👩‍👧‍👦 flags 🇯🇵",
    "<|im_start|>system\nYou are<|im_end|>\n<|im_start|>user\n", "<|endoftext|>abc<|im_end|>", "don't I'LL we've",
    "café naïve Ünïcödé ẞ", "price: $5 + €10 = ¥15 <= 20 ^~|", "a" * 50, "  " * 20 + "x", "=== --- *** ___ ... !!!",
    "\u00a0nbsp\u2003em\u200bzw", "\r\nwin\r\n\r\nlines", "mixed中文English日本語123abc", "‘quotes’ “double” — dash…",
    "\x01ctrl", "한국어 텍스트", "русский текст", "العربية نص", "the the the", "-----------------", "x  y   z    w",
]  # fmt: skip


@pytest.fixture(scope="module")
def llama_cpp():
    return pytest.importorskip(
        "llama_cpp", reason="llama-cpp-python is not installed: pip install llama-cpp-python"
    )


def llama_logits(llama_cpp, path):
    model = llama_cpp.Llama(
        str(path), n_ctx=256, n_batch=256, n_ubatch=256, n_threads=1, logits_all=True, verbose=False
    )
    model.eval(IDS.tolist())
    scores = model.scores[: len(IDS)].copy()
    model.close()
    return scores


@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_llama_cpp(build, llama_cpp, family):
    path, folder = build(tiny_of(family))
    found = cosines(GraphDriver(folder).logits(IDS), llama_logits(llama_cpp, path))
    assert found.mean() > 0.99
    assert found[100:].mean() > 0.985


@pytest.mark.parametrize(("family", "scaling"), [("llama", YARN), ("qwen2", YARN), ("phi3", LONGROPE)])
def test_scaled_positions_agree_with_llama_cpp(build, llama_cpp, family, scaling):
    path, folder = build(
        tiny_of(family, extra={f"{family}.rope.{key}": value for key, value in scaling.items()})
    )
    assert cosines(GraphDriver(folder).logits(IDS), llama_logits(llama_cpp, path)).mean() > 0.99


@pytest.mark.parametrize("kind", TYPES)
def test_every_tensor_type_agrees_with_llama_cpp(build, llama_cpp, kind):
    path, folder = build(tiny_of("llama", kind))
    assert cosines(GraphDriver(folder).logits(IDS), llama_logits(llama_cpp, path)).mean() > 0.985


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("change", [{"rope_base": 123.0}, {"epsilon": 0.001}], ids=["rope base", "epsilon"])
def test_a_mistake_shows_against_llama_cpp(build, llama_cpp, family, change):
    path, _ = build(tiny_of(family), "right")
    _, folder = build(tiny_of(family, **change), "wrong")
    assert cosines(GraphDriver(folder).logits(IDS), llama_logits(llama_cpp, path)).mean() < 0.98


def test_a_missing_bias_shows_against_llama_cpp(build, llama_cpp):
    path, _ = build(tiny_of("qwen2"), "right")
    without = tuple(f"blk.0.attn_{part}.bias" for part in "qkv")
    _, folder = build(tiny_of("qwen2", without=without), "wrong")
    assert cosines(GraphDriver(folder).logits(IDS), llama_logits(llama_cpp, path)).mean() < 0.98


def test_a_wrong_permutation_shows_against_llama_cpp(tmp_path, llama_cpp, monkeypatch):
    from ragedge.models.compile import decoder_config

    right = decoder_config.Rope
    monkeypatch.setattr(
        decoder_config,
        "Rope",
        lambda *args, interleaved, **more: right(*args, interleaved=not interleaved, **more),
    )
    write(tiny_of("llama"), tmp_path / "m.gguf")
    (tmp_path / "out").mkdir()
    compile_gguf(tmp_path / "m.gguf", tmp_path / "out")
    found = cosines(GraphDriver(tmp_path / "out").logits(IDS), llama_logits(llama_cpp, tmp_path / "m.gguf"))
    assert found.mean() < 0.98


def same_ids(llama_cpp, path, texts):
    """Compare both tokenizers of one vocabulary, text by text."""
    facts = read_tokenizer(read_header(path).metadata, 1 << 20)
    facts.write(path.with_suffix(".json"))
    ours = Tokenizer.from_file(str(path.with_suffix(".json")))
    theirs = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    for text in texts:
        expected = theirs.tokenize(text.encode(), add_bos=False, special=True)
        assert ours.encode(text, add_special_tokens=False).ids == expected, repr(text)
    theirs.close()


def write_vocabulary(path, tokens, types, **more):
    writer = gguf.GGUFWriter(path, "llama")
    for add, value in (
        (writer.add_block_count, 1), (writer.add_context_length, 64), (writer.add_embedding_length, 64),
        (writer.add_feed_forward_length, 64), (writer.add_head_count, 4), (writer.add_layer_norm_rms_eps, 1e-5),
        (writer.add_token_list, tokens), (writer.add_token_types, types), (writer.add_eos_token_id, 0),
    ):  # fmt: skip
        add(value)
    for name, value in more.items():
        getattr(writer, name)(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("pre", sorted(_SPLITS))
def test_byte_level_tokens_are_those_of_llama_cpp(tmp_path, llama_cpp, smollm2_dir, pre):
    """A real vocabulary under each splitting rule."""
    document = json.loads((smollm2_dir / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = document["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.__getitem__)
    special = {token["id"] for token in document["added_tokens"]}
    types = [3 if index in special else 1 for index in range(len(tokens))]
    merges = [" ".join(pair) for pair in document["model"]["merges"]]
    write_vocabulary(
        tmp_path / "v.gguf",
        tokens,
        types,
        add_tokenizer_model="gpt2",
        add_tokenizer_pre=pre,
        add_token_merges=merges,
    )
    same_ids(llama_cpp, tmp_path / "v.gguf", TEXTS)


@pytest.mark.parametrize("prefix", [True, False])
def test_sentencepiece_tokens_are_those_of_llama_cpp(tmp_path, llama_cpp, prefix):
    """A vocabulary trained on these very texts, so that merges of every length occur."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(vocab_size=900, show_progress=False, max_token_length=12)
    trained.train_from_iterator(TEXTS * 3, trainer)
    learnt = trained.get_vocab()
    pieces = [piece for piece in sorted(learnt, key=learnt.__getitem__) if "日" not in piece]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    types = [2, 3, 3, *[6] * 256, *[1] * len(pieces)]
    write_vocabulary(
        tmp_path / "v.gguf", tokens, types, add_tokenizer_model="llama", add_add_space_prefix=prefix,
        add_token_scores=[0.0] * 259 + [-float(rank) for rank in range(len(pieces))], add_unk_token_id=0,
    )  # fmt: skip
    same_ids(llama_cpp, tmp_path / "v.gguf", [*TEXTS, "a<s> b</s>c", "<s><s>", "</s> x"])
