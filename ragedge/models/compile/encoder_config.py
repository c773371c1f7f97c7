"""Reads what a sentence-transformers or Hugging Face folder says about its encoder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from ragedge.errors import UnsupportedModelError

SUPPORTED_ARCHITECTURES = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert")
SUPPORTED_ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
SUPPORTED_MODULES = ("Transformer", "Pooling (mean or cls)", "Normalize")
# RoBERTa's position table starts after the padding id, so its first rows are never used
# (transformers, create_position_ids_from_input_ids).
_OFFSET_FAMILIES = frozenset({"roberta", "xlm-roberta", "camembert"})
_MOST_CONFIG_BYTES = 1_000_000
SPECIAL_TOKENS = 2  # one before and one after the text, in every supported family

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """An encoder's shape and use.

    Attributes:
        architecture: One of ``SUPPORTED_ARCHITECTURES``.
        layers: Transformer layers.
        hidden: Width of a token's vector.
        heads: Attention heads; divides hidden.
        intermediate: Width inside the feed-forward part.
        vocab: Rows of the word embeddings.
        positions: Rows of the position embeddings.
        position_offset: Row of the first token's position.
        token_types: Rows of the segment embeddings; 0 where the family has none.
        eps: Added to the variance in layer normalisation.
        activation: One of ``SUPPORTED_ACTIVATIONS``.
        pooling: How token vectors become one.
        max_tokens: Longest text, special tokens left out.
        query_prefix: Put before a question.
        passage_prefix: Put before a passage.
        lower_case: Text is lower-cased before the tokenizer sees it.
    """

    architecture: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocab: int
    positions: int
    position_offset: int
    token_types: int
    eps: float
    activation: str
    pooling: Pooling
    max_tokens: int
    query_prefix: str
    passage_prefix: str
    lower_case: bool


def read_encoder_config(folder: Path) -> EncoderConfig:
    """Read config.json, modules.json, the pooling module's and the sentence-transformers files.

    Raises:
        UnsupportedModelError: a file is missing or malformed, or names a part that is not supported; the
            message lists what is.
    """
    config = _read_json(folder / "config.json")
    architecture = config.get("model_type")
    if architecture not in SUPPORTED_ARCHITECTURES:
        _unsupported(folder, "architecture", architecture, SUPPORTED_ARCHITECTURES)
    old = architecture == "distilbert"  # it names its sizes in its own way
    activation = config.get("activation" if old else "hidden_act", "gelu")
    if activation not in SUPPORTED_ACTIVATIONS:
        _unsupported(folder, "activation", activation, SUPPORTED_ACTIVATIONS)
    position_type = config.get("position_embedding_type") or "absolute"
    if position_type != "absolute":
        _unsupported(folder, "position embedding", position_type, ("absolute",))

    hidden = _size(folder, config, "dim" if old else "hidden_size")
    heads = _size(folder, config, "n_heads" if old else "num_attention_heads")
    if hidden % heads:
        _unsupported(folder, "number of attention heads", heads, (f"a divisor of {hidden}",))
    positions = _size(folder, config, "max_position_embeddings")
    offset = _pad_id(config) + 1 if architecture in _OFFSET_FAMILIES else 0
    pooling = _pooling(folder, _module_paths(folder))
    sentence = _optional_json(folder / "sentence_bert_config.json")
    longest = min(positions - offset, int(sentence.get("max_seq_length") or positions))
    if longest <= SPECIAL_TOKENS:
        _unsupported(folder, "max_seq_length", longest, ("3 or more",))
    prompts = _optional_json(folder / "config_sentence_transformers.json").get("prompts") or {}
    return EncoderConfig(
        architecture=architecture,
        layers=_size(folder, config, "n_layers" if old else "num_hidden_layers"),
        hidden=hidden,
        heads=heads,
        intermediate=_size(folder, config, "hidden_dim" if old else "intermediate_size"),
        vocab=_size(folder, config, "vocab_size"),
        positions=positions,
        position_offset=offset,
        token_types=0 if old else _size(folder, config, "type_vocab_size"),
        eps=float(config.get("layer_norm_eps", 1e-12)),
        activation=activation,
        pooling=pooling,
        max_tokens=longest - SPECIAL_TOKENS,
        query_prefix=_prompt(prompts, "query"),
        passage_prefix=_prompt(prompts, "passage", "document", "corpus"),
        lower_case=bool(sentence.get("do_lower_case")),
    )


def _module_paths(folder: Path) -> dict[str, str]:
    """Return each module's folder by the last part of its type; empty without modules.json."""
    path = folder / "modules.json"
    if not path.is_file():
        return {}
    modules = _parse(path)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        _unsupported(folder, "modules.json", type(modules).__name__, ("a list of modules",))
    found = {
        str(module.get("type", "")).rpartition(".")[2]: str(module.get("path", "")) for module in modules
    }
    for name in found:
        if name not in ("Transformer", "Pooling", "Normalize"):
            _unsupported(folder, "module", name, SUPPORTED_MODULES)
    return found


def _pooling(folder: Path, modules: dict[str, str]) -> Pooling:
    """Read the pooling; mean where no module says, which is sentence-transformers' own default."""
    if "Pooling" not in modules:
        return "mean"
    path = (folder / modules["Pooling"] / "config.json").resolve()
    if not path.is_relative_to(folder.resolve()):
        _unsupported(folder, "module path", modules["Pooling"], ("a path inside the folder",))
    config = _read_json(path)
    # Newer files name it, older ones hold one switch for each kind.
    named = config.get("pooling_mode")
    modes = (
        [named]
        if isinstance(named, str)
        else [
            key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
            for key, on in config.items()
            if key.startswith("pooling_mode_") and on is True
        ]
    )
    if modes not in (["mean"], ["cls"]):
        _unsupported(folder, "pooling", "+".join(modes) or "none", ("mean", "cls"))
    return "mean" if modes == ["mean"] else "cls"


def _pad_id(config: dict[str, Any]) -> int:
    pad = config.get("pad_token_id")
    return 1 if pad is None else int(pad)


def _prompt(prompts: dict[str, Any], *names: str) -> str:
    return next((str(prompts[name]) for name in names if prompts.get(name)), "")


def _size(folder: Path, config: dict[str, Any], key: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000_000:
        raise UnsupportedModelError(
            f"{folder / 'config.json'}: {key} is {value!r}; it must be a whole number of 1 or more",
            hint="fetch the file again",
        )
    return value


def _optional_json(path: Path) -> dict[str, Any]:
    return _read_json(path) if path.is_file() else {}


def _read_json(path: Path) -> dict[str, Any]:
    value = _parse(path)
    if not isinstance(value, dict):
        raise UnsupportedModelError(f"{path} holds no JSON object", hint="fetch the file again")
    return value


def _parse(path: Path) -> Any:
    try:
        if path.stat().st_size > _MOST_CONFIG_BYTES:
            raise UnsupportedModelError(
                f"{path} is larger than {_MOST_CONFIG_BYTES} bytes, which no model's settings are"
            )
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as exc:
        raise UnsupportedModelError(
            f"{path} is missing",
            hint="name a folder with config.json, model.safetensors and tokenizer.json",
        ) from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise UnsupportedModelError(f"{path} could not be read as JSON", hint="fetch the file again") from exc


def _unsupported(folder: Path, what: str, value: object, supported: tuple[str, ...]) -> NoReturn:
    raise UnsupportedModelError(
        f"{folder}: {what} {value!r} is not supported; supported: {', '.join(supported)}",
        hint="see docs/models.md",
    )
