"""The words of a knowledge base: ranked term by term as FTS5 would rank them, found whatever their stems."""

import random

import numpy as np
import pytest

from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.index import spelling, term_rankings
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
from ragedge.retrieve.query import build_query

# Porter stems these to what it would stem again: diseas, greas, caus, hors, increas.
TWICE_STEMMED = ("disease", "grease", "cause", "horse", "increase", "response", "purpose")
COMMON = ("plug", "drain", "torque", "wheel", "brakes", "fuses", "batteries")


@pytest.fixture(scope="module")
def texts():
    draw = random.Random(1)
    words = (*TWICE_STEMMED, *COMMON, *(f"word{letter}{other}" for letter in "abcdef" for other in "klmnop"))
    return [" ".join(draw.choices(words, k=draw.randint(4, 30))) for _ in range(200)]


@pytest.fixture(scope="module")
def store(tmp_path_factory, texts):
    store = Store.create(
        Vault.open(tmp_path_factory.mktemp("words") / "kb", create=True),
        embedder_name="tiny", fingerprint="f" * 64, dim=4,
    )  # fmt: skip
    put(store, "m.md", texts)
    yield store
    store.close()


def put(store, source, texts):
    pages = tuple(Page(n, text) for n, text in enumerate(texts, 1))
    chunks = [Chunk(text, (Span(n, 0, len(text)),)) for n, text in enumerate(texts)]
    rows = np.eye(4, dtype=np.float32)[np.arange(len(texts)) % 4]
    store.put_document(source, "0" * 64, Document(source, "text/plain", pages), chunks, rows)


@pytest.mark.parametrize("word", TWICE_STEMMED)
def test_words_whose_stem_has_another_stem_are_found(store, texts, word):
    query = build_query(f"What is the {word}?", store)
    ids, _ = store.words.ranked(query.phrases, 500)
    assert len(ids) == sum(word in text for text in texts) > 0


def test_a_corrected_word_is_found_too(store):
    meant, _ = store.words.ranked(build_query("disease", store).phrases, 500)
    assert store.words.ranked(build_query("desease", store).phrases, 500)[0].tolist() == meant.tolist()


def test_the_sum_over_terms_is_what_fts5_gives(store):
    phrases = build_query("torque of the drain plug, wheel, fuses and a disease", store).phrases
    ids, scores = store.words.ranked(phrases, 500)
    expected_ids, expected = store.words.search(" OR ".join(phrases), 500)
    assert sorted(ids.tolist()) == sorted(expected_ids.tolist())
    by_id = dict(zip(expected_ids.tolist(), expected.tolist(), strict=True))
    np.testing.assert_allclose(scores, [by_id[row] for row in ids.tolist()], rtol=1e-5)
    assert (np.diff(scores) <= 0).all()


def test_only_allowed_rows_come_back_and_a_limit_keeps_the_best(store):
    phrases = build_query("torque plug", store).phrases
    ids, scores = store.words.ranked(phrases, 500)
    some = np.sort(ids[::3])
    assert set(store.words.ranked(phrases, 500, some)[0].tolist()) == set(some.tolist())
    best, of_best = store.words.ranked(phrases, 5)
    assert best.tolist() == ids[:5].tolist()
    assert of_best.tolist() == scores[:5].tolist()
    assert store.words.ranked(phrases, 5, np.array([10**6]))[0].size == 0
    assert store.words.ranked((), 5)[0].size == 0


def test_holding_says_which_rows_hold_a_term(store):
    ids, _ = store.words.ranked(['"torque"'], 500)
    rows = store.row_ids().tolist()
    assert store.words.holding('"torque"', rows) == set(ids.tolist())
    assert store.words.holding('"zeppelin"', rows) == set()


def test_what_is_kept_of_a_term_does_not_outlive_a_change(tmp_path):
    store = Store.create(
        Vault.open(tmp_path / "kb", create=True), embedder_name="tiny", fingerprint="f" * 64, dim=4
    )
    put(store, "a.md", ["drain plug", "wheel"])
    assert store.words.ranked(['"plug"'], 9)[0].size == 1
    put(store, "b.md", ["plug of the sump", "plug"])
    assert store.words.ranked(['"plug"'], 9)[0].size == 3
    store.remove("a.md")
    assert store.words.ranked(['"plug"'], 9)[0].size == 2
    store.close()


def test_no_more_rows_of_terms_are_kept_than_allowed(store, monkeypatch):
    monkeypatch.setattr(term_rankings, "_MOST_ROWS", 100)
    first = store.words.ranked(['"wordak"', '"wordbl"', '"wordcm"'], 500)
    again = store.words.ranked(['"wordak"', '"wordbl"', '"wordcm"'], 500)
    assert first[0].tolist() == again[0].tolist()
    assert store.words._rankings._rows <= 100 or len(store.words._rankings._kept) == 1


def test_one_read_sees_one_state(tmp_path):
    store = Store.create(
        Vault.open(tmp_path / "kb", create=True), embedder_name="tiny", fingerprint="f" * 64, dim=4
    )
    put(store, "a.md", ["drain plug"])
    with store.snapshot():
        before = store.generation()
        put(store, "b.md", ["drain plug"])
        assert store.generation() == before
        assert len(store.row_ids()) == 1
    assert store.generation() == before + 1
    assert len(store.row_ids()) == 2
    store.close()


def test_counting_letters_leaves_no_near_word_out():
    draw = random.Random(3)
    letters = "abcde"
    terms = sorted({"a" + "".join(draw.choices(letters, k=draw.randint(3, 10))) for _ in range(900)})
    words = spelling._Words(terms, [1] * len(terms), spelling._letters(terms))
    for token in terms[::100]:
        for most in (1, 2):
            near = {
                n for n, term in enumerate(terms)
                if len(token) - spelling._LONGEST_ENDING <= len(term) <= len(token) + most
                and spelling._slips_or_ending(token, term, most) <= most
            }  # fmt: skip
            assert near <= set(spelling._alike(token, words, most))
