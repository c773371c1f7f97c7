"""Slips, other names, and questions that lean on the ones before."""

import hashlib

import pytest

from ragedge.config import RetrieveConfig
from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.errors import ConfigError
from ragedge.index.cache import VectorCache
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
from ragedge.retrieve.follow_up import whole_question
from ragedge.retrieve.query import build_query
from ragedge.retrieve.retriever import Retriever
from ragedge.retrieve.synonyms import with_synonyms
from ragedge.testing.hash_embedder import HashEmbedder

TEXTS = (
    "Alternator torque: tighten the alternator bolts.",
    "HMMWV tire pressure with radial tires.",
    "Part 3002AC generator housing. Brake caliper.",
    "Hose, part 8750082, stock number 4730-00-954-1281, page 12-40, in 1996.",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    embedder = HashEmbedder()
    vault = Vault.open(tmp_path_factory.mktemp("question") / "kb", create=True)
    store = Store.create(
        vault, embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
    )
    pages = tuple(Page(n, text) for n, text in enumerate(TEXTS, 1))
    chunks = [Chunk(text, (Span(n, 0, len(text)),)) for n, text in enumerate(TEXTS)]
    rows = embedder.embed_passages([chunk.index_text for chunk in chunks])
    digest = hashlib.sha256(b"m").hexdigest()
    store.put_document("m.md", digest, Document("m.md", "text/markdown", pages), chunks, rows)
    yield store
    store.close()


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("altrenator", "alternator"), ("alternatr", "alternator"), ("torqe", "torque"),
     ("calliper", "caliper"), ("presure", "pressure")],
)  # fmt: skip
def test_a_slip_finds_the_word_that_was_meant(store, slip, meant):
    assert build_query(slip, store).phrases == build_query(meant, store).phrases != ()


@pytest.mark.parametrize("word", ["3002AF", "zeppelin", "gas", "brook", "xx"])
def test_names_short_words_and_far_ones_stay(store, word):
    assert build_query(word, store).phrases == ()


@pytest.mark.parametrize(
    ("question", "codes"),
    [
        ("part number 8750082", {'"8750082"'}),
        ("4730009541281", {'codes : "4730h00h954h12810"'}),
        ("4730-00-954-1281", {'codes : "4730h00h954h12810"'}),
        ("3002-ac", {'codes : "3002ac0"'}),
        ("in 1996, 954", set()),
        ("8750083 and 4730009541282", set()),
    ],
)
def test_long_numbers_are_codes_with_and_without_their_marks(store, question, codes):
    assert build_query(question, store).codes.keys() == codes


def test_a_word_that_stands_in_the_text_is_never_corrected(store):
    assert list(build_query("tire tighten", store).terms) == ["tire", "tighten"]


def test_the_users_other_names_are_searched_too(store):
    embedder, config = (
        HashEmbedder(),
        RetrieveConfig(dense_weight=0, synonyms=("Humvee, HMMWV", "tyre, tire")),
    )
    vectors = VectorCache(store, kind="exact")
    assert [
        h.page for h in Retriever(store, vectors, embedder, config).search("Which tyres has the humvee?")
    ] == [2]
    assert Retriever(store, vectors, embedder, RetrieveConfig(dense_weight=0)).search("Which humvee?") == []


def test_names_are_whole_words_in_any_case():
    assert with_synonyms("Tyres?", ["tyre, tire"]) == "Tyres? tire"
    assert with_synonyms("tire of the tyre", ["tyre, tire"]) == "tire of the tyre"
    assert with_synonyms("tyrefitter", ["tyre, tire"]) == "tyrefitter"
    assert with_synonyms("wheel  nut", ["lug nut, wheel nut"]) == "wheel  nut"
    assert with_synonyms("タイヤの圧", ["タイヤ, tyre"]) == "タイヤの圧 tyre"


def test_a_group_of_one_name_is_refused(store):
    with pytest.raises(ConfigError, match="at least two"):
        Retriever(store, VectorCache(store, kind="exact"), HashEmbedder(), RetrieveConfig(synonyms=("tyre",)))


@pytest.mark.parametrize(
    ("question", "whole"),
    [("How tight is it?", "How tight is it? drain plug size H16"),
     ("And the torque?", "And the torque? drain plug size H16"),
     ("What about the plug-in?", "What about the plug-in? drain plug size H16"),
     ("Which washer?", "Which washer? drain plug size H16"),
     ("それのトルクは?", "それのトルクは? drain plug size H16"),
     ("Wie fest wird es angezogen?", "Wie fest wird es angezogen? drain plug size H16")],
)  # fmt: skip
def test_a_question_that_leans_back_takes_the_words_along(question, whole):
    assert whole_question(question, ["What oil?", "What is the drain plug size of the H16?"]) == whole


@pytest.mark.parametrize(
    ("question", "before", "whole"),
    [("and for the diesel?", "What is the oil capacity of the petrol engine?",
      "What is the oil capacity of the diesel engine?"),
     ("And for the diesel?", "How much oil does the engine take?", "How much oil does the engine take for the diesel?"),
     ("what about the rear tyres?", "What is the pressure of the front tyres?",
      "What is the pressure of the rear tyres?"),
     ("And the QE16-P?", "How tight is the plug on the QE16-A?", "How tight is the plug on the QE16-P?"),
     ("and 2022?", "What is the service interval for 2021?", "What is the service interval for 2022?"),
     ("And for the spare wheel?", "What is the torque for the wheel nuts?", "What is the torque for the spare wheel?"),
     ("And on the left side?", "Where is the jacking point on the right side?",
      "Where is the jacking point on the left side?"),
     ("では、ディーゼルは？", "ガソリン車のオイル量は？", "ディーゼル車のオイル量は？"),
     ("und für den Diesel?", "Wie viel Öl braucht der Benziner?", "Wie viel Öl braucht der Diesel?")],
)  # fmt: skip
def test_what_a_fragment_names_takes_the_place_of_its_counterpart(question, before, whole):
    assert whole_question(question, ["What oil?", before]) == whole


@pytest.mark.parametrize(
    "question",
    [
        "Where is the jack stored in the cargo compartment?",
        "P0A1F?",
        "How many litres of oil does it take?",
        "Wheel nut torque of the 2184AC?",
    ],
)
def test_a_whole_question_stays(question):
    assert whole_question(question, ["What is the drain plug size of the H16?"]) == question


def test_the_first_question_has_nothing_to_lean_on():
    assert whole_question("And it?", []) == "And it?"
