"""Words that are written as one are found by their parts, and by what they are put together from."""

import hashlib

import pytest

from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.index.compounds import Compounds
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
from ragedge.retrieve.query import build_query
from ragedge.retrieve.word_counts import word_counts
from ragedge.testing.hash_embedder import HashEmbedder

GERMAN = (
    "Das Radmutterndrehmoment beträgt 110 Nm und ist zu prüfen.",
    "Der Kühlmittelausgleichsbehälter fasst zwei Liter und steht links.",
    "Die Batterieklemme lösen und den Deckel des Kraftstofftanks nicht öffnen.",
    "Kraftstoff nachfüllen; dabei nicht rauchen. Der Kalender ist ohne Bedeutung.",
    "Klemmen reinigen und die Achse nachsehen. Ein Motor und ein Elektromotor mit Elektronik.",
)
ENGLISH = ("Do not overload the payload bay.", "The overpressure valve opens at 2 bar and the lid shuts.")


def opened(folder, texts):
    embedder = HashEmbedder()
    store = Store.create(
        Vault.open(folder / "kb", create=True),
        embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim,
    )  # fmt: skip
    pages = tuple(Page(n, text) for n, text in enumerate(texts, 1))
    chunks = [Chunk(text, (Span(n, 0, len(text)),)) for n, text in enumerate(texts)]
    document = Document("m.md", "text/markdown", pages)
    rows = embedder.embed_passages([chunk.index_text for chunk in chunks])
    store.put_document("m.md", hashlib.sha256(b"m").hexdigest(), document, chunks, rows)
    return store


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    store = opened(tmp_path_factory.mktemp("german"), GERMAN)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("question", "text"),
    [("Drehmoment", 0), ("Drehmomente", 0), ("Radmutter", 0), ("Radmuttern", 0), ("Ausgleichsbehälter", 1),
     ("Kühlmittel", 1), ("Batterie", 2), ("Tank", 2), ("Elektromotor", 4), ("Kraftstoffklemme", 3)],
)  # fmt: skip
def test_a_part_finds_the_compound_and_a_compound_its_parts(german, question, text):
    rows, _ = german.words.ranked(build_query(question, german).phrases, 5)
    assert text + 1 in rows.tolist()
    assert word_counts(german, question)[question] > 0


@pytest.mark.parametrize("question", ["Ende", "Lende", "Sehne", "Moment", "Rad", "Getriebe"])
def test_letters_that_only_happen_to_stand_in_a_word_find_nothing(german, question):
    assert build_query(question, german).phrases == ()


def test_other_languages_are_left_alone(tmp_path):
    store = opened(tmp_path, ENGLISH)
    try:
        assert store.words.compounds(["load", "pressure"]) == {}
    finally:
        store.close()


def test_a_word_is_no_compound_of_itself():
    assert Compounds(["schraub", "schrauben"]).holding("Schraube") == []
    assert Compounds(["und", "rad", "mutter"]).parts("Radmutter") == ("rad", "mutter")
    assert Compounds([]).holding("Schraube") == []
