"""ragedge: answers from a device's own manuals, with the page, on the device.

>>> import ragedge
>>> kb = ragedge.open("kb/", create=True)
>>> kb.ingest("manual.pdf")
>>> print(kb.ask("What is the drain plug torque?"))

Importing this package loads nothing heavy: names resolve on first use (PEP 562).
"""

from __future__ import annotations

import os

# Before anything can import onnxruntime: its opt-out is latched when the native library loads. tokenizers brings
# huggingface_hub along, which ragedge never calls.
os.environ.update({"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"})

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ragedge.config import Config
    from ragedge.datatypes import (
        Answer,
        Block,
        Chunk,
        Citation,
        Document,
        IngestReport,
        Page,
        ScoredChunk,
        Sentence,
    )
    from ragedge.errors import RagedgeError
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.models.store import model_folder
    from ragedge.opening import ask, open

_HOME_OF = {
    "Answer": "ragedge.datatypes",
    "Block": "ragedge.datatypes",
    "Chunk": "ragedge.datatypes",
    "Citation": "ragedge.datatypes",
    "Config": "ragedge.config",
    "Document": "ragedge.datatypes",
    "IngestReport": "ragedge.datatypes",
    "KnowledgeBase": "ragedge.knowledge_base",
    "Page": "ragedge.datatypes",
    "RagedgeError": "ragedge.errors",
    "ScoredChunk": "ragedge.datatypes",
    "Sentence": "ragedge.datatypes",
    "ask": "ragedge.opening",
    "model_folder": "ragedge.models.store",
    "open": "ragedge.opening",
}

__all__ = [
    "Answer",
    "Block",
    "Chunk",
    "Citation",
    "Config",
    "Document",
    "IngestReport",
    "KnowledgeBase",
    "Page",
    "RagedgeError",
    "ScoredChunk",
    "Sentence",
    "__version__",
    "ask",
    "model_folder",
    "open",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ragedge' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
