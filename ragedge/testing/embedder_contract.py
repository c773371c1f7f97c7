"""What every embedder must do."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from ragedge import plugins

if TYPE_CHECKING:
    from ragedge.protocols import Embedder

_TEXTS = (
    "Tighten the drain plug to 35 N·m.",
    "short",
    "The coolant is changed every 60,000 km or three years, whichever comes first. " * 3,
    "冷却水は3年ごとに交換してください。",
    "Naïve façade: 10 °C, 5 µm, “quoted” 🔧",
)
_FINGERPRINT = """
import json, sys
from ragedge import plugins
name, options = json.loads(sys.argv[1])
print(plugins.create("embedder", name, options).fingerprint)
"""


class EmbedderContract:
    """Subclass it, set ``plugin``, and override ``options`` if the factory needs any.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.embedder``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given; values that JSON can carry."""
        return {}

    @pytest.fixture
    def embedder(self, options: Mapping[str, Any]) -> Embedder:
        """Build the embedder; override it for one that is not registered."""
        made: Embedder = plugins.create("embedder", self.plugin, options)
        return made

    def test_no_texts_give_no_rows(self, embedder: Embedder) -> None:
        rows = embedder.embed_passages([])
        assert rows.shape == (0, embedder.dim)
        assert rows.dtype == np.float32

    def test_rows_are_unit_vectors_of_the_stated_width(self, embedder: Embedder) -> None:
        rows = embedder.embed_passages(_TEXTS)
        assert rows.shape == (len(_TEXTS), embedder.dim)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-4)

    def test_a_batch_equals_its_texts_one_by_one(self, embedder: Embedder) -> None:
        batch = embedder.embed_passages(_TEXTS)
        single = np.concatenate([embedder.embed_passages([text]) for text in _TEXTS])
        np.testing.assert_allclose(batch, single, atol=1e-3)

    def test_the_same_text_gives_the_same_vector(self, embedder: Embedder) -> None:
        np.testing.assert_array_equal(embedder.embed_query(_TEXTS[0]), embedder.embed_query(_TEXTS[0]))
        np.testing.assert_array_equal(embedder.embed_passages(_TEXTS), embedder.embed_passages(_TEXTS))

    def test_different_texts_give_different_vectors(self, embedder: Embedder) -> None:
        rows = embedder.embed_passages(_TEXTS)
        assert (rows @ rows.T)[~np.eye(len(_TEXTS), dtype=bool)].max() < 0.999

    def test_a_question_is_one_unit_vector(self, embedder: Embedder) -> None:
        row = embedder.embed_query("drain plug torque")
        assert row.shape == (embedder.dim,)
        assert row.dtype == np.float32
        assert abs(float(np.linalg.norm(row)) - 1.0) < 1e-4

    def test_a_question_lies_nearest_to_the_passage_that_repeats_it(self, embedder: Embedder) -> None:
        rows = embedder.embed_passages(_TEXTS)
        scores = rows @ embedder.embed_query(_TEXTS[0])
        assert int(scores.argmax()) == 0

    @pytest.mark.parametrize("text", ["", " \n\t", "x" * 20_000, "torque " * 2_000, "\x00\x1b[31m\ufffd"])
    def test_odd_texts_give_finite_unit_vectors(self, embedder: Embedder, text: str) -> None:
        rows = np.vstack([embedder.embed_passages([text]), embedder.embed_query(text)[None]])
        assert np.isfinite(rows).all()
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-4)

    def test_token_spans_are_ordered_and_inside_the_text(self, embedder: Embedder) -> None:
        for text in _TEXTS:
            spans = embedder.token_spans(text)
            assert spans, "a text with words has tokens"
            assert all(0 <= start <= end <= len(text) for start, end in spans)
            assert all(a[0] <= b[0] for a, b in itertools.pairwise(spans))
        assert len(embedder.token_spans("")) == 0

    def test_token_spans_cover_every_character_that_is_no_space(self, embedder: Embedder) -> None:
        covered = {place for start, end in embedder.token_spans(_TEXTS[0]) for place in range(start, end)}
        assert {i for i, c in enumerate(_TEXTS[0]) if not c.isspace()} <= covered

    def test_it_states_its_limits_and_its_name(self, embedder: Embedder) -> None:
        assert embedder.name
        assert embedder.dim > 0
        assert embedder.max_tokens >= 16

    def test_the_fingerprint_is_a_sha256(self, embedder: Embedder) -> None:
        assert len(embedder.fingerprint) == 64
        assert set(embedder.fingerprint) <= set("0123456789abcdef")

    def test_the_fingerprint_is_the_same_in_another_process(
        self, embedder: Embedder, options: Mapping[str, Any]
    ) -> None:
        if not self.plugin:
            return  # not registered: another process cannot find it
        call = json.dumps([self.plugin, dict(options)])
        done = subprocess.run(
            [sys.executable, "-c", _FINGERPRINT, call], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == embedder.fingerprint
