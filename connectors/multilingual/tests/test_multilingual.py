from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ragedge_multilingual import create
from ragedge_multilingual.vocabulary import Vocabulary

import ragedge
from ragedge import plugins
from ragedge.errors import ConfigError, ModelIntegrityError
from ragedge.testing.embedder_contract import EmbedderContract

PASSAGES = [
    "冷却水は3年ごとに交換してください。",
    "The belt of the fan is replaced every 4000 hours.",
    "Das Drehmoment der Ablassschraube beträgt 31 Nm.",
    "La pression des pneus est contrôlée à froid.",
]


@functools.cache
def loaded():
    return plugins.create("embedder", "multilingual", {})


@pytest.fixture
def embedder():
    return loaded()


class TestMultilingual(EmbedderContract):
    plugin = "multilingual"

    @pytest.fixture
    def embedder(self):
        return loaded()


def test_a_question_finds_its_passage_across_languages(embedder):
    rows = embedder.embed_passages(PASSAGES)
    questions = [
        "How often is the coolant changed?",
        "ファンのベルトはいつ交換しますか",
        "drain plug torque",
        "When is the tyre pressure checked?",
    ]
    best = [int((rows @ embedder.embed_query(question)).argmax()) for question in questions]
    assert best == [0, 1, 2, 3]


def test_questions_and_passages_have_prefixes_of_their_own(embedder):
    text = "drain plug torque"
    assert float(embedder.embed_passages([text])[0] @ embedder.embed_query(text)) < 0.999


def test_it_counts_as_its_engine_does(embedder):
    texts = [
        *PASSAGES,
        "P0A1F  １２Ｎ・ｍ ﾄﾙｸ ㍑ ½",
        "Überdruckventil " * 40,
        "half-\u00adhyphen\u200b no.5/16\n\nnew line",
    ]
    one = embedder._engine.token_count("a", False) - len(embedder.token_spans("a"))
    for text in texts:
        assert len(embedder.token_spans(text)) + one == embedder._engine.token_count(text, False)


def test_spans_hold_the_words_they_stand_for(embedder):
    text = "Ablass: １２ Ｎｍ, 冷却水"
    pieces = [text[start:end] for start, end in embedder.token_spans(text)]
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "options", [{"model": "minilm-l6"}, {"threads": -1}, {"threads": True}, {"backend": "npu"}, {"size": 1}]
)
def test_options_that_are_not_allowed_are_named(options):
    with pytest.raises(ConfigError, match="multilingual") as caught:
        create(options)
    key, value = next(iter(options.items()))
    assert repr(key) in caught.value.message or repr(value) in caught.value.message


def test_a_damaged_weight_file_is_named(tmp_path):
    for content in (b"", b"E5S1", b"E5S1" + bytes(900)[:60], b"GGUF" + bytes(200)):
        (tmp_path / "weights.bin").write_bytes(content)
        with pytest.raises(ModelIntegrityError, match=r"weights\.bin"):
            Vocabulary.from_weights(tmp_path / "weights.bin")


def test_only_naming_it_takes_a_japanese_manual_in(tmp_path: Path):
    manual = tmp_path / "manual.md"
    manual.write_text(
        "# 整備\n\n## 冷却水\n\n冷却水は3年ごとに交換する。\n\n## ベルト\n\nベルトは4000時間ごとに交換する。\n",
        encoding="utf-8",
    )
    settings = {"embed.embedder": "multilingual", "generate.generator": "none"}
    with ragedge.open(tmp_path / "kb", create=True, settings=settings) as kb:
        assert kb.ingest(manual).added == ["manual.md"]
        assert "3年" in kb.search("冷却水はいつ交換しますか", top_k=1)[0].text
        assert "4000" in kb.search("When is the belt replaced?", top_k=1)[0].text
        assert kb.status()["embedder"]["name"] == "multilingual-e5-small"


def test_idle_threads_do_not_spin():
    script = (
        "import time\nfrom ragedge import plugins\n"
        "e = plugins.create('embedder', 'multilingual', {'threads': 2})\ne.embed_query('warm')\n"
        "before = time.process_time(); time.sleep(0.5); print(time.process_time() - before)\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert float(done.stdout) < 0.25


def test_vectors_are_what_they_were(embedder):
    row = embedder.embed_query("drain plug torque")
    assert row.dtype == np.float32
    np.testing.assert_allclose(row[:5], GOLDEN, atol=2e-3)


GOLDEN = [0.05118, -0.03277, -0.08465, -0.08120, 0.07973]
