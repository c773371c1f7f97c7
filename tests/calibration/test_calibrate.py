"""Calibration over a real store: the same documents give the same threshold, and what is stored is what status says."""

import json

import pytest

from ragedge.calibration.calibrate import abstention, fitted_threshold, recalibrate
from ragedge.calibration.probes import make_probes
from ragedge.config import RetrieveConfig
from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.effective_config import load
from ragedge.index.cache import VectorCache
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
from ragedge.retrieve.retriever import Retriever
from ragedge.retrieve.word_counts import word_counts
from ragedge.testing.hash_embedder import HashEmbedder

PARTS = (
    "pump",
    "filter",
    "bracket",
    "sensor",
    "valve",
    "bearing",
    "gasket",
    "relay",
    "hose",
    "clamp",
    "rotor",
    "seal",
)
PLACES = (
    "gearbox",
    "radiator",
    "inverter",
    "dashboard",
    "exhaust",
    "tailgate",
    "axle",
    "cylinder",
    "battery",
    "brake",
)
LIMITS = {"limit_s": 600.0, "settings": {"retrieve.top_k": 5}}


@pytest.fixture(scope="module")
def embedder():
    return HashEmbedder()


@pytest.fixture
def store(tmp_path, embedder):
    texts = [
        f"The {place} {part} carries code {place[:2].upper()}{10 + i}{part[0].upper()} "
        f"and is tightened to {20 + i} N·m. "
        f"Clean the {part} near the {place} with solvent before fitting."
        for place in PLACES
        for i, part in enumerate(PARTS)
        for _ in range(3)
    ]
    pages = tuple(Page(n, text) for n, text in enumerate(texts, 1))
    chunks = [Chunk(text, (Span(n, 0, len(text)),)) for n, text in enumerate(texts)]
    made = Store.create(
        Vault.open(tmp_path / "kb", create=True),
        embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim,
    )  # fmt: skip
    made.put_document(
        "manual.md", "0" * 64, Document("manual.md", "text/markdown", pages), chunks,
        embedder.embed_passages(texts),
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def search(store, embedder):
    return Retriever(store, VectorCache(store, kind="exact"), embedder, RetrieveConfig()).search


def test_probes_come_in_pairs_and_are_the_same_each_time(store):
    probes = list(make_probes(store, 40))
    assert [p.answerable for p in probes] == [True, False] * 20
    assert probes == list(make_probes(store, 40))
    assert probes != list(make_probes(store, 40, seed=1))


def test_words_of_answerable_probes_stand_in_the_documents(store):
    for probe in make_probes(store, 40):
        if probe.answerable:
            assert all(word_counts(store, probe.text).values())


def test_a_decoy_differs_from_what_is_answered(store):
    probes = list(make_probes(store, 40))
    assert all(own.text != decoy.text for own, decoy in zip(probes[::2], probes[1::2], strict=True))


def test_a_threshold_is_stored_and_told(store, search):
    threshold = recalibrate(store, search, **LIMITS)
    assert fitted_threshold(store) == threshold
    told = abstention(store, load().calibrated(threshold))
    assert (told["threshold"], told["by"]) == (threshold, "calibration")
    assert told["questions"] == told["recall"]["count"] + told["answered"]["count"]
    assert told["recall"]["low"] <= told["recall"]["value"] <= told["recall"]["high"]
    json.dumps(told)


def test_unchanged_documents_are_not_asked_again_other_settings_are(store, search):
    first = recalibrate(store, search, **LIMITS)
    assert recalibrate(store, search, **LIMITS) is None
    again = {**LIMITS, "settings": {"retrieve.top_k": 6}}
    assert recalibrate(store, search, **again) == first


def test_out_of_time_leaves_what_was_in_force(store, search):
    assert recalibrate(store, search, limit_s=0.0, settings={}) is None
    assert fitted_threshold(store) is None
    told = abstention(store, load())
    assert (told["by"], told["questions"], told["precision"]) == ("shipped", 0, None)


def test_a_threshold_set_by_the_user_wins(store, search):
    threshold = recalibrate(store, search, **LIMITS)
    settings = load(flags={"generate.abstain_below": 0.5}).calibrated(threshold)
    assert settings.config.generate.abstain_below == 0.5
    assert abstention(store, settings)["by"] == "set"
