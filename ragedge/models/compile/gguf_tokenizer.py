"""Rebuilds ``tokenizer.json`` from the vocabulary that a GGUF file carries.

Ids are to be those of llama.cpp with special tokens parsed and none added; whether a model wants a
beginning-of-text token is recorded beside the graph instead. Splitting rules: ``llama-vocab.cpp``.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.gguf_metadata import Metadata

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4  # all but the first are parsed out of text
_MAX_VOCAB = 1 << 21
_MAX_TOKEN_CHARS = 1024  # every cut of a token is looked up, which is quadratic in its length
_NO_MERGES = '"merges": []'

_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_ANY_CASE = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_GPT2 = _CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_LLAMA3 = (
    _ANY_CASE + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _ANY_CASE + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_DEFAULT = (r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]")

_SPLITS: dict[str, tuple[str, ...]] = {
    "default": _DEFAULT,
    "gpt-2": (_GPT2,),
    "llama-bpe": (_LLAMA3,),
    "llama3": (_LLAMA3,),
    "llama-v3": (_LLAMA3,),
    "qwen2": (_QWEN2,),
    "deepseek-r1-qwen": (_QWEN2,),
    "smollm": (r"\p{N}", _GPT2),
}
_WHOLE_WORDS_FIRST = frozenset(
    {"llama-bpe", "llama3", "llama-v3"}
)  # a word in the vocabulary is not merged up to
_END_TOKENS = (
    "<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>",
    "<|return|>", "<EOT>", "<eos>", "</s>",
)  # fmt: skip

_ALWAYS_CONTROL = frozenset(_END_TOKENS) - {"<eos>", "</s>"}


@dataclass(frozen=True, slots=True)
class TokenizerFacts:
    """A tokenizer and what a runtime must know beside it.

    Attributes:
        bos_token_id: Beginning of text, if there is one.
        eos_token_ids: Any of these ends an answer.
        add_bos: Text is to begin with ``bos_token_id``.
    """

    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]
    add_bos: bool
    _document: dict[str, Any]
    _tokens: list[str]
    _merges: array[int]

    def write(self, path: Path) -> None:
        """Write ``tokenizer.json``, merge by merge: half a million of them weigh 200 MB as Python lists."""
        text = json.dumps(self._document, ensure_ascii=False)
        head, tail = text.rsplit(_NO_MERGES, 1)  # quotes inside tokens are escaped, so this stands there once
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(f"{head}{_NO_MERGES[:-1]}")
            file.writelines(self._merge_lines())
            file.write(f"]{tail}")

    def _merge_lines(self) -> Iterator[str]:
        pairs = iter(self._merges)
        for number, (left, right) in enumerate(zip(pairs, pairs, strict=True)):
            pair = json.dumps([self._tokens[left], self._tokens[right]], ensure_ascii=False)
            yield f",{pair}" if number else pair


def read_tokenizer(meta: Metadata, vocab_size: int) -> TokenizerFacts:
    """Rebuild a tokenizer.

    Args:
        meta: The file's metadata.
        vocab_size: Rows of the embedding; the vocabulary may be shorter, never longer.

    Raises:
        UnsupportedModelError: a kind of tokenizer or pre-tokenizer that is not known.
        ModelIntegrityError: the vocabulary contradicts itself.
    """
    kind = meta.text("tokenizer.ggml.model")
    tokens = meta.texts("tokenizer.ggml.tokens")
    if not 0 < len(tokens) <= min(vocab_size, _MAX_VOCAB) or len(set(tokens)) != len(tokens):
        raise ModelIntegrityError(
            f"the vocabulary holds {len(tokens)} tokens, {len(set(tokens))} of them different, for {vocab_size} rows"
        )
    if max(map(len, tokens)) > _MAX_TOKEN_CHARS:
        raise ModelIntegrityError(f"the vocabulary holds a token of over {_MAX_TOKEN_CHARS} characters")
    types = meta.numbers("tokenizer.ggml.token_type", len(tokens))
    kinds = [_NORMAL] * len(tokens) if types is None else types.tolist()
    for index, token in enumerate(tokens):
        if (
            token in _ALWAYS_CONTROL and kinds[index] == _NORMAL
        ):  # mislabelled files exist; llama.cpp mends them too
            kinds[index] = _CONTROL
    if kind == "gpt2":
        parts, merges = _byte_level(meta, tokens)
        add_bos_default = meta.text("tokenizer.ggml.pre", default="default") in _WHOLE_WORDS_FIRST
    elif kind == "llama":
        parts, merges = _sentencepiece(meta, tokens)
        add_bos_default = True
    else:
        raise UnsupportedModelError(
            f"tokenizer {kind[:40]!r} is not supported; supported: gpt2 (BPE), llama (SPM)"
        )
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(tokens, kinds),
        "post_processor": None,
        **parts,
    }
    bos = _token_id(meta, "bos", len(tokens))
    add_bos = meta.flag("tokenizer.ggml.add_bos_token", default=add_bos_default) and bos is not None
    ends = _end_tokens(meta, tokens, kinds)
    return TokenizerFacts(bos, ends, add_bos, tokenizer, tokens, merges)


def _token_id(meta: Metadata, role: str, size: int) -> int | None:
    value: int | None = meta.integer(
        f"tokenizer.ggml.{role}_token_id", low=0, high=(1 << 32) - 1, default=None
    )
    return value if value is not None and value < size else None  # all ones means none


def _end_tokens(meta: Metadata, tokens: list[str], kinds: list[int]) -> tuple[int, ...]:
    found = [_token_id(meta, role, len(tokens)) for role in ("eos", "eot", "eom")]
    control = {text: index for index, text in enumerate(tokens) if kinds[index] == _CONTROL}
    found += [control.get(text) for text in _END_TOKENS]  # gemma has a plain "</s>" of HTML
    ids = tuple(dict.fromkeys(index for index in found if index is not None))
    if not ids:
        raise ModelIntegrityError("the vocabulary has no token that ends an answer")
    return ids


def _added(tokens: list[str], kinds: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kinds[index] != _USER_DEFINED,
        }
        for index, token in enumerate(tokens)
        if token and kinds[index] in (_UNKNOWN, _CONTROL, _USER_DEFINED)
    ]


def _byte_level(meta: Metadata, tokens: list[str]) -> tuple[dict[str, Any], array[int]]:
    pre = meta.text("tokenizer.ggml.pre", default="default")
    if pre not in _SPLITS:
        raise UnsupportedModelError(
            f"pre-tokenizer {pre[:40]!r} is not supported; supported: {', '.join(sorted(_SPLITS))}"
        )
    known = {token: index for index, token in enumerate(tokens)}
    merges = array("i")
    for merge in meta.texts("tokenizer.ggml.merges"):
        left, _, right = merge.partition(" ")
        if left not in known or right not in known or left + right not in known:
            raise ModelIntegrityError("a merge of the tokenizer names tokens that its vocabulary lacks")
        merges.extend((known[left], known[right]))
    splits = [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        for pattern in _SPLITS[pre]
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*splits, byte_level]},
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre in _WHOLE_WORDS_FIRST,
            "vocab": known,
            "merges": [],
        },
    }, merges


def _sentencepiece(meta: Metadata, tokens: list[str]) -> tuple[dict[str, Any], array[int]]:
    """Express merging by score as merging by rank: every way to join two tokens into a third, best score first."""
    scores = meta.numbers("tokenizer.ggml.scores", len(tokens))
    if scores is None or not np.isfinite(scores.astype(np.float64)).all():
        raise ModelIntegrityError("the tokenizer has no scores, or one that is not a finite number")
    known = {token: index for index, token in enumerate(tokens)}
    pieces, merges = array("i"), array("i")  # what each merge makes, and its two halves
    for token, index in known.items():
        for cut in range(1, len(token)):
            left, right = known.get(token[:cut]), known.get(token[cut:])
            if left is not None and right is not None:
                pieces.append(index)
                merges.extend((left, right))
    pairs = np.array(merges, np.int32).reshape(-1, 2)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores.astype(np.float64)[np.array(pieces, np.int64)]))
    merges = array("i", pairs[order].tobytes())
    prefix = meta.flag("tokenizer.ggml.add_space_prefix", default=True)
    unknown = _token_id(meta, "unknown", len(tokens))
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    steps = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    return {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, spaces]}
        if prefix
        else spaces,
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": [*steps, strip] if prefix else steps},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": tokens[unknown] if unknown is not None else None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": known,
            "merges": [],
        },
    }, merges
