"""Adapters as private data of a knowledge base, on a tiny generator that is built here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import ragedge
from ragedge.datatypes import GenerationOptions, Message
from ragedge.errors import ModelNotFoundError, UnsupportedModelError
from ragedge.models.importer import import_model

PUMP = "# Pump\n\nFill the gearbox with 1.8 litres of oil.\n"


@pytest.fixture
def kb_path(tmp_path: Path, home_with_embedder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "tools"))
    from make_tiny_gguf import tiny_of, write

    write(tiny_of("llama", "F32"), tmp_path / "tiny.gguf")
    import_model(tmp_path / "tiny.gguf", name="tiny")
    (tmp_path / "pump.md").write_text(PUMP, encoding="utf-8")
    with ragedge.open(tmp_path / "kb", create=True, settings={"generate.calibrate": False}) as kb:
        kb.ingest(tmp_path / "pump.md")
    return tmp_path / "kb"


def peft(folder: Path, *, columns: int = 64, seed: int = 1) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8}), encoding="utf-8")
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {
        f"{name}.lora_A.weight": rng.standard_normal((4, columns)).astype(np.float32),
        f"{name}.lora_B.weight": rng.standard_normal((64, 4)).astype(np.float32),
    }
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def opened(path: Path) -> ragedge.KnowledgeBase:
    settings = {"generate.model": "tiny", "generate.context_window": 512, "generate.abstain_below": 0.0}
    return ragedge.open(path, settings=settings)


def test_an_answer_is_written_with_the_adapter_that_the_question_names(kb_path: Path, tmp_path: Path) -> None:
    with opened(kb_path) as kb:
        kb.adapters.add("tone", peft(tmp_path / "peft"), "tiny")
        assert kb.adapters.names() == ["tone"]
    with opened(kb_path) as kb:
        generator = kb._parts.generator_loading().result()  # type: ignore[union-attr]
        assert generator.capabilities.adapters
        texts = {
            name: "".join(generator.generate([Message("user", "x")], GenerationOptions(8, adapter=name)))
            for name in ("", "tone")
        }
        assert texts[""] != texts["tone"]
        answer = kb.ask("How much oil does the pump take?", adapter="tone", max_new_tokens=8)
        assert answer.adapter == "tone"
        assert kb.ask("How much oil does the pump take?", max_new_tokens=8).adapter is None
        kb.adapters.remove("tone")
        assert kb.adapters.names() == []
        with pytest.raises(ModelNotFoundError, match="no adapter named 'tone'"):
            kb.adapters.read("tone")


def test_one_that_does_not_fit_the_model_is_not_taken(kb_path: Path, tmp_path: Path) -> None:
    with opened(kb_path) as kb:
        with pytest.raises(UnsupportedModelError, match="64 by 32; the model's is 64 by 64"):
            kb.adapters.add("tone", peft(tmp_path / "peft", columns=32), "tiny")
        assert kb.adapters.names() == []


def test_a_name_that_is_not_there_leaves_the_quotes_and_says_so(kb_path: Path) -> None:
    with opened(kb_path) as kb:
        answer = kb.ask("How much oil does the pump take?", adapter="missing", max_new_tokens=8)
    assert "1.8 litres" in answer.text
    assert any("ModelNotFoundError" in line for line in answer.degraded)
