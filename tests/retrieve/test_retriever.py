"""From a question to hits: right place, right page, whatever the question holds."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragedge.config import RetrieveConfig
from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.errors import ConfigError, DamagedError, QuestionError
from ragedge.index.cache import VectorCache
from ragedge.index.store import Store
from ragedge.index.terms import exact_terms
from ragedge.privacy.vault import DATABASE, Vault
from ragedge.question_text import clean_question
from ragedge.retrieve.filter import Condition, conditions
from ragedge.retrieve.fusion import SURE_DEVIATIONS, reciprocal_rank, score_based
from ragedge.retrieve.query import build_query
from ragedge.retrieve.retriever import Retriever
from ragedge.testing.hash_embedder import HashEmbedder

PAGES = (
    "Check the brake fluid once a year. Replace the brake fluid every two years.",
    "Fault P0A1F: battery energy control module. Fault P0A2F: drive motor too hot.",
    "Tighten the drain plug to 12 N·m. Tighten the wheel nuts to 110 N·m.",
    "Part AMA-5102UT replaces part AMA-5103UT. Thread 1/2-13, clearance 0.006 in.",
    "The battery warms itself before charging in the cold.",
    "ブレーキ液を点検してください。",
)


@pytest.fixture(scope="module")
def embedder():
    return HashEmbedder()


@pytest.fixture(scope="module")
def store(tmp_path_factory, embedder):
    vault = Vault.open(tmp_path_factory.mktemp("retriever") / "kb", create=True)
    store = Store.create(
        vault, embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
    )
    for source, year in (("old.md", 2019), ("new.md", 2024)):
        pages = tuple(Page(n, f"{text}\nModel of {year}.", label=f"A-{n}") for n, text in enumerate(PAGES, 1))
        chunks = [Chunk(p.text, (Span(n, 0, len(p.text)),), ("Service",)) for n, p in enumerate(pages)]
        chunks.append(
            Chunk(
                f"{pages[0].text}\n{pages[2].text}",
                (Span(0, 0, len(pages[0].text)), Span(2, 0, len(pages[2].text))),
                ("Both",),
            )
        )
        rows = embedder.embed_passages([c.index_text for c in chunks])
        document = Document(source, "text/markdown", pages, metadata={"year": year})
        store.put_document(source, hashlib.sha256(source.encode()).hexdigest(), document, chunks, rows)
    yield store
    store.close()


@pytest.fixture(scope="module")
def retriever(store, embedder):
    return Retriever(store, VectorCache(store, kind="exact"), embedder, RetrieveConfig())


@pytest.mark.parametrize(
    ("question", "page"),
    [("How often is the brake fluid replaced?", 1), ("P0A1F", 2), ("p0a2f?", 2), ("what is fault code P0A1F", 2),
     ("drain plug 12Nm", 3), ("wheel nuts torque", 3), ("ama 5102ut AMA5102UT", 4), ("1/2-13", 4), (".006 inch", 4),
     ("ブレーキ液の点検", 6)],
)  # fmt: skip
def test_the_right_page_comes_first(retriever, question, page):
    assert retriever.search(question)[0].page == page


def test_a_hit_says_where_it_stands_and_why(retriever, store):
    hits = retriever.search("Which module does P0A1F name?", 3)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    hit = hits[0]
    text = store.page(hit.source, hit.page - 1).text
    assert text[hit.start : hit.end] == hit.text
    assert (hit.page_label, hit.pages, hit.heading) == ("A-2", (2,), ("Service",))
    assert hit.why.text_rank in (1, 2)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert hits.timings.total_ms >= hits.timings.retrieve_ms > 0


def test_a_chunk_over_two_pages_points_to_the_one_that_answers(retriever):
    where = {"year": 2024}
    for question, page in (("wheel nuts N·m", 3), ("replace brake fluid years", 1)):
        both = next(hit for hit in retriever.search(question, 7, where) if hit.heading == ("Both",))
        assert (both.page, both.pages) == (page, (1, 3))


def test_contents_come_after_all_others(tmp_path, embedder):
    vault = Vault.open(tmp_path / "kb", create=True)
    store = Store.create(
        vault, embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
    )
    texts = (
        "Replacing the front pads 11-2c, towing with a rope 11-9a",
        "Wear of the front pads is measured at the slot; see 11-9a.",
        "Towing hook",
    )
    pages = tuple(Page(n, text) for n, text in enumerate(texts, 1))
    chunks = [
        Chunk(text, (Span(n, 0, len(text)),), metadata={"contents": True} if n == 0 else {})
        for n, text in enumerate(texts)
    ]
    rows = embedder.embed_passages([c.index_text for c in chunks])
    store.put_document("m.pdf", "0" * 64, Document("m.pdf", "application/pdf", pages), chunks, rows)
    retriever = Retriever(store, VectorCache(store, kind="exact"), embedder, RetrieveConfig())
    assert [hit.page for hit in retriever.search("replacing the front pads")] == [2, 3, 1]
    assert [hit.page for hit in retriever.search("replacing", 5, ["contents=true"])] == [1]
    assert retriever.search("What is 11-2c?")[0].page == 1  # stands nowhere else
    assert retriever.search("What is 11-9a?")[0].page == 2
    store.close()


def test_five_hits_are_from_five_pages(retriever):
    hits = retriever.search("brake fluid drain plug", 5, {"year": 2024})
    assert len({hit.page for hit in hits}) == 5
    assert (
        len(retriever.search("brake fluid drain plug", 7, {"year": 2024})) == 7
    )  # the page's other chunk comes last


def test_filters_come_before_the_cut(retriever):
    assert {hit.source for hit in retriever.search("brake fluid", 4, ["year>=2020"])} == {"new.md"}
    assert {hit.source for hit in retriever.search("brake fluid", 4, {"source": "old.md"})} == {"old.md"}
    assert retriever.search("brake fluid", 4, ["year>=2030"]) == []
    assert len(retriever.search("brake fluid", 14, ["year<=2019"])) == 7
    with pytest.raises(ConfigError, match="not a condition"):
        retriever.search("brake fluid", 4, ["year"])


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "\x00\x07", "\u200b\x1b", '"'])
def test_questions_without_text_are_refused(retriever, question):
    with pytest.raises(QuestionError, match="empty"):
        retriever.search(question)


def test_long_questions(retriever):
    assert retriever.search("drain plug " * 360)[0].page == 3
    with pytest.raises(QuestionError, match="100000 characters; at most 4000") as caught:
        retriever.search("x" * 100_000)
    assert "xxx" not in str(caught.value)


@pytest.mark.parametrize(
    "question",
    ['"drain', "drain -plug", "drain:plug", "heading: drain", "NEAR(drain plug, 2)", "drain*", "(drain", "drain)",
     "^drain", "{codes}: x", "drain AND", "OR", "NOT plug", "a\0b drain", "' OR 1=1 --", "+drain", "drain\udc80"],
)  # fmt: skip
def test_query_syntax_means_nothing(retriever, question):
    hits = retriever.search(question, 3)
    if "drain" in question:
        assert hits[0].page == 3 or hits[0].why.text_rank is not None


@settings(deadline=None, max_examples=150)
@given(st.text(min_size=1, max_size=80))
def test_no_question_breaks_the_full_text(retriever, question):
    try:
        hits = retriever.search(question, 3)
    except QuestionError:
        return
    assert len(hits) <= 3


def test_stop_words_and_words_of_every_chunk_are_left_out(store):
    query = build_query(clean_question("What is the model of the drain plug?"), store)
    assert set(query.stems) == {"drain", "plug"}
    assert set(build_query("the model", store).stems) == {"model"}
    assert build_query("zebra", store).phrases == ()


def test_top_k_is_checked(retriever):
    with pytest.raises(ValueError, match="top_k"):
        retriever.search("x", 0)
    assert len(retriever.search("brake", 100)) == 14


def test_either_half_can_be_left_out(store, embedder):
    vectors = VectorCache(store, kind="exact")
    text = Retriever(store, vectors, embedder, RetrieveConfig(dense_weight=0)).search("drain plug", 3)
    dense = Retriever(store, vectors, embedder, RetrieveConfig(text_weight=0)).search("drain plug", 3)
    ranks = Retriever(store, vectors, embedder, RetrieveConfig(fusion="rank")).search("drain plug", 3)
    assert all(hit.why.dense_rank is None and hit.why.text_rank for hit in text)
    assert all(hit.why.text_rank is None and hit.why.dense_rank for hit in dense)
    assert text[0].page == 3
    assert [hit.score for hit in ranks] == sorted((hit.score for hit in ranks), reverse=True)


def test_a_damaged_chunk_is_refused_not_returned(tmp_path, embedder):
    store = Store.create(
        Vault.open(tmp_path / "kb", create=True),
        embedder_name="hash",
        fingerprint=embedder.fingerprint,
        dim=embedder.dim,
    )
    text = "Tighten to 12 N·m."
    chunk = Chunk(text, (Span(0, 0, len(text)),))
    document = Document("m.md", "text/markdown", (Page(1, text),))
    store.put_document("m.md", "0" * 64, document, [chunk], embedder.embed_passages([text]))
    path = tmp_path / "kb" / DATABASE
    with store._connections.bare() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    data = path.read_bytes()
    assert data.count(b"Tighten to 12") == 2  # page and chunk
    path.write_bytes(data.replace(b"Tighten to 12", b"Tighten to 92"))
    store = Store.open(Vault.open(tmp_path / "kb"))
    with pytest.raises(DamagedError, match=r"m\.md") as caught:
        Retriever(store, VectorCache(store, kind="exact"), embedder, RetrieveConfig()).search("tighten")
    assert "92" not in str(caught.value)
    store.close()


# Pure parts


@pytest.mark.parametrize(
    ("one", "other"),
    [("12 N·m", "12Nm"), ("12 N-m", "12 newton meters"), ("9 lb-ft", "9 ft-lbs"), ("9 ft. lb.", "9 foot-pounds"),
     ("0.006 in.", ".006 inch"), ("0.006″", "0.006 inches"), ("24V", "24 volts"), ("5,000 rpm", "5000 r/min"),
     ("AMA-5102UT", "AMA5102UT"), ("250 °F", "250 degrees F"), ("P0A1F", "p0a1f"), ("１２ N·m", "12 N·m")],
)  # fmt: skip
def test_spellings_of_one_thing_share_a_term(one, other):
    assert set(exact_terms(one)) & set(exact_terms(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("12 N·m", "12 mm"), ("12 N·m", "120 N·m"), ("1.2 N·m", "12 N·m"), ("P0A1F", "P0A1E"), ("1/2-13", "1/2-20"),
     ("AMA-5102UT", "AMA-5103UT"), ("0.006 in.", "0.06 in."), ("fasten 4 in order", "4 inches")],
)  # fmt: skip
def test_different_things_share_none(one, other):
    assert not set(exact_terms(one)) & set(exact_terms(other))


def test_conditions():
    assert conditions(["year>=2020", " model = X 5 ", "km<=10.5"]) == (
        Condition("year", ">=", "2020"), Condition("model", "=", "X 5"), Condition("km", "<=", "10.5"),
    )  # fmt: skip
    assert Condition("year", ">=", "2020").accepts({"year": 2021})
    assert not Condition("year", ">=", "2020").accepts({"year": "999"})
    assert not Condition("year", ">=", "2020").accepts({})
    assert Condition("model", "=", "hybrid").accepts({"model": "Hybrid"})
    assert Condition("wet", "=", "true").accepts({"wet": True})


def ranking(*pairs):
    return np.array([p[0] for p in pairs], np.int64), np.array([p[1] for p in pairs], np.float32)


def test_reciprocal_rank_by_hand():
    ids, scores = reciprocal_rank([ranking((1, 9), (2, 8)), ranking((2, 5), (3, 1))], [1, 2], 10)
    assert ids.tolist() == [2, 3, 1]
    np.testing.assert_allclose(scores, np.array([1 / 12 + 2 / 11, 2 / 12, 1 / 11]) * 11 / 3, rtol=1e-6)


def test_score_fusion_by_hand():
    dense = ranking((1, 0.1 + 0.11 * SURE_DEVIATIONS), (2, 0.1), (3, -0.4))
    ids, scores = score_based(dense, ranking((2, 8), (3, 4)), (0.1, 0.1), (1, 1))
    assert ids.tolist() == [1, 2, 3]
    np.testing.assert_allclose(scores, [0.55, 0.5, 0.25], rtol=1e-5)


def test_a_sure_half_is_not_voted_down_by_a_toss_up():
    dense = ranking((7, 0.9), (1, 0.22), (2, 0.21), (3, 0.2))
    text = ranking((1, 2.0), (2, 1.99), (3, 1.98), (4, 1.9))
    assert score_based(dense, text, (0.2, 0.1), (1, 1))[0][0] == 7
    assert reciprocal_rank([dense, text], [1, 1], 10)[0][0] != 7
