"""The rebuilt tokenizer: what it keeps of the file, and what it refuses."""

import json

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_tiny_gguf import tiny_of
from tokenizers import Tokenizer

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.gguf_header import read_header
from ragedge.models.compile.gguf_tokenizer import read_tokenizer


def load(folder):
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def ids(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma3"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_decoding_gives_the_text_back(tokenizers_by_family, family, text):
    tokenizer = tokenizers_by_family[family]
    for special in ("<", "▁"):  # special tokens are left out when decoding; the mark of a space becomes one
        text = text.replace(special, "")
    assert tokenizer.decode(ids(tokenizer, text)) == text


@pytest.fixture(scope="module")
def tokenizers_by_family(tmp_path_factory):
    from make_tiny_gguf import write

    found = {}
    for family in ("llama", "qwen2", "gemma3"):
        folder = tmp_path_factory.mktemp(family)
        write(tiny_of(family), folder / "m.gguf")
        read_tokenizer(read_header(folder / "m.gguf").metadata, 400).write(folder / "tokenizer.json")
        found[family] = load(folder)
    return found


def test_special_tokens_are_parsed_and_none_is_added(build):
    _, folder = build(tiny_of("llama"))
    tokenizer = load(folder)
    assert ids(tokenizer, "<|im_start|>a<|im_end|>")[::2] == [1, 2]
    assert len(ids(tokenizer, "a")) == 1
    assert tokenizer.encode("a").ids == ids(tokenizer, "a")


def test_text_from_outside_can_be_kept_from_being_special(build):
    _, folder = build(tiny_of("llama"))
    tokenizer = load(folder)
    tokenizer.encode_special_tokens = True
    found = ids(tokenizer, "a<|im_end|>b")
    assert 2 not in found
    assert tokenizer.decode(found) == "a<|im_end|>b"


def test_digits_stand_alone_where_the_file_says_so(build):
    _, folder = build(tiny_of("llama"))
    assert len(ids(load(folder), "1234")) == 4


def test_pieces_merge_by_score(build):
    """`▁the` scores below `▁t` and `he`, yet is reached through them."""
    _, folder = build(tiny_of("gemma3"))
    tokenizer = load(folder)
    assert tokenizer.encode(" the er", add_special_tokens=False).tokens == ["▁the", "▁", "er"]
    assert tokenizer.encode("é", add_special_tokens=False).tokens == ["<0xC3>", "<0xA9>"]


def test_what_ends_an_answer(tmp_path, build):
    from ragedge.models.compile.gguf_decoder import compile_gguf

    path, _ = build(tiny_of("llama"))
    (tmp_path / "out").mkdir()
    facts = compile_gguf(path, tmp_path / "out").facts
    assert facts.eos_token_ids == (2, 0)  # the file's own first, then the other tokens known to end a turn
    assert (facts.bos_token_id, facts.add_bos) == (1, False)


def metadata(
    tmp_path, *, model="gpt2", pre="smollm", tokens=("a", "b", "ab", "</s>"), types=(1, 1, 1, 3), **more
):
    path = tmp_path / "vocab.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(list(tokens))
    writer.add_token_types(list(types))
    if "merges" in more:
        writer.add_token_merges(more["merges"])
    if "scores" in more:
        writer.add_token_scores(more["scores"])
    if "eos" in more:
        writer.add_eos_token_id(more["eos"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_header(path).metadata


def test_unknown_pre_tokenizer_lists_the_known(tmp_path):
    with pytest.raises(
        UnsupportedModelError, match=r"'tekken' is not supported; supported: .*llama-bpe.*smollm"
    ):
        read_tokenizer(metadata(tmp_path, pre="tekken", merges=[]), 4)


def test_unknown_model_lists_the_known(tmp_path):
    with pytest.raises(UnsupportedModelError, match="'bert' is not supported; supported: gpt2"):
        read_tokenizer(metadata(tmp_path, model="bert"), 4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"merges": ["a z"]},
        {"merges": ["ab"]},
        {"merges": ["b a"]},
        {"merges": [], "tokens": ("a", "a", "b", "</s>")},
        {"merges": [], "types": (1, 1)},
        {"merges": [], "types": (1, 1, 1, 1)},  # nothing ends an answer
        {"merges": [], "tokens": ("a", "b", "x" * 2000, "</s>")},
        {"model": "llama"},
        {"model": "llama", "scores": [0.0]},
        {"model": "llama", "scores": [0.0, 1.0, float("nan"), 0.0]},
    ],
    ids=str,
)
def test_a_vocabulary_that_contradicts_itself_is_refused(tmp_path, wrong):
    with pytest.raises(ModelIntegrityError):
        read_tokenizer(metadata(tmp_path, **wrong), 4)


def test_more_tokens_than_rows_are_refused(tmp_path):
    with pytest.raises(ModelIntegrityError):
        read_tokenizer(metadata(tmp_path, merges=[]), 3)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(extra=st.lists(st.text(max_size=12), max_size=8, unique=True), eos=st.none() | st.integers(0, 9))
def test_whatever_is_accepted_loads(tmp_path, extra, eos):
    base = ["a", "b", "ab", "</s>", "<0x0A>"]
    tokens = base + [
        text for text in extra if text.encode("utf-8", "ignore").decode() == text and text not in base
    ]
    types = [1, 1, 1, 3, 6] + [index % 5 + 1 for index in range(len(tokens) - 5)]
    more = {} if eos is None else {"eos": eos}
    for model in (
        {"merges": ["a b"]},
        {"model": "llama", "scores": [float(i % 3) for i in range(len(tokens))]},
    ):
        try:
            facts = read_tokenizer(metadata(tmp_path, tokens=tokens, types=types, **model, **more), 100)
        except ModelIntegrityError:
            continue
        facts.write(tmp_path / "tokenizer.json")
        assert load(tmp_path).token_to_id("ab") == 2
        assert json.loads((tmp_path / "tokenizer.json").read_text())["version"] == "1.0"
