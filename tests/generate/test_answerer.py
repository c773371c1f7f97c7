import threading
from concurrent.futures import Future

import pytest
from answer_passages import OIL, STEPS, TORQUES, found, hit
from hypothesis import given
from hypothesis import strategies as st

from ragedge.config import GenerateConfig
from ragedge.datatypes import GeneratorCapabilities, PlacedSpan
from ragedge.errors import ModelNotFoundError, QuestionError
from ragedge.generate.answerer import Answerer
from ragedge.testing.fake_generator import FakeGenerator

QUESTION = "How much oil does the engine take?"
HITS = found(hit(OIL, 1, page=4, start=10), hit(TORQUES, 2, page=9))
PAGES = {4: " " * 10 + OIL, 9: TORQUES}
CONFIG = GenerateConfig()


def ask(generator, question=QUESTION, hits=HITS, config=CONFIG, **options):
    return Answerer(generator, config).start(question, hits, **options).result()


def test_without_a_generator_the_answer_is_quoted_with_its_place():
    answer = ask(None)
    assert answer.text.startswith("The engine takes 4.2 L of oil with a filter change.")
    assert (answer.method, answer.grounded, answer.model, answer.degraded) == ("extractive", True, None, ())
    assert {sentence.origin for sentence in answer.sentences} == {"quote"}
    assert answer.timings.first_token_ms is None
    assert answer.timings.ttft_ms > 0


def test_every_citation_holds_and_every_sentence_has_one():
    answer = ask(FakeGenerator("The engine takes 4.2 L."))
    assert all(PAGES[c.page][c.start : c.end] == c.quote for c in answer.citations)
    assert all(sentence.citations for sentence in answer.sentences)
    assert max(n for s in answer.sentences for n in s.citations) == len(answer.citations) - 1


def test_a_sentence_of_the_model_stands_when_it_was_verified():
    generator = FakeGenerator("The engine takes 4.2 L. It was built in 1998.")
    answer = ask(generator)
    assert answer.sentences[-1].text == "The engine takes 4.2 L."
    assert answer.sentences[-1].origin == "model"
    assert (answer.method, answer.model) == ("mixed", "fake")
    assert "1998" not in answer.text
    assert answer.timings.new_tokens > 0


@pytest.mark.parametrize("draft", ["The engine takes 5.5 L of oil.", "I do not know.", "", "4.2 4.2 4.2 4.2"])
def test_what_was_not_verified_leaves_the_quotes(draft):
    assert ask(FakeGenerator(draft)).text == ask(None).text


def test_an_explanation_tells_what_was_weighed_and_what_was_dropped():
    run = Answerer(FakeGenerator("The engine takes 5.5 L of oil."), CONFIG).start(QUESTION, HITS)
    explained = run.explain()
    assert explained.reason is None
    assert explained.confidence >= explained.threshold == CONFIG.abstain_below
    assert explained.evidence[0].quoted
    assert explained.evidence[0].page == 4
    dropped = [check for check in explained.checks if not check.stands]
    assert [(check.origin, check.outcome) for check in dropped] == [("model", "support")]
    assert [c.text for c in explained.checks if c.stands] == [s.text for s in run.result().sentences]


def test_an_explanation_of_silence_says_what_was_missing():
    explained = Answerer(None, CONFIG).start("What is the torque of the Z9 flywheel?", HITS).explain()
    assert explained.reason is not None
    assert "z9" in explained.missing
    assert explained.checks == ()


def test_what_is_handed_out_is_what_stands():
    run = Answerer(FakeGenerator("The engine takes 4.2 L."), CONFIG).start(QUESTION, HITS)
    handed = list(run)
    answer = run.result()
    assert tuple(handed) == answer.sentences
    assert answer.text == " ".join(sentence.text for sentence in handed)


def test_a_procedure_is_quoted_with_its_warning_and_the_model_is_not_asked():
    generator = FakeGenerator("Remove the drain plug.")
    answer = ask(generator, "How do I change the oil?", found(hit(STEPS, page=2)))
    assert generator.prompts == []
    assert [s.text[:2] for s in answer.sentences[1:]] == ["1.", "2.", "3."]
    assert answer.text.splitlines() == [s.text for s in answer.sentences]
    assert [(n.kind, n.page) for n in answer.safety] == [("warning", 2)]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which sofa colour is offered?", "The manual does not say."),
        ("Welche Sofafarbe gibt es?", "Das steht nicht im Handbuch."),
        ("ソファの色は何ですか", "マニュアルには記載がありません。"),
    ],
)
def test_it_says_so_in_the_language_of_the_question_and_asks_no_model(question, text):
    generator = FakeGenerator()
    answer = ask(generator, question, found(hit(OIL, dense=0.1)))
    assert (answer.text, answer.abstained, answer.method) == (text, True, "none")
    assert (answer.sentences, answer.citations, generator.prompts) == ((), (), [])
    assert answer.abstain_reason in {"low_score", "terms_missing"}


def test_no_hits_is_an_answer_too():
    answer = ask(None, hits=found())
    assert (answer.abstained, answer.abstain_reason) == (True, "no_passages")


class Breaking(FakeGenerator):
    """Fails after its first words."""

    def generate(self, messages, options):
        def pieces():
            yield "The engine"
            raise RuntimeError("device lost")

        generation = super().generate(messages, options)
        generation.__class__ = type("Broken", (type(generation),), {"__iter__": lambda self: pieces()})
        return generation


def test_a_generator_that_fails_leaves_the_quotes_and_a_note():
    answer = ask(Breaking())
    assert answer.text == ask(None).text
    assert answer.method == "extractive"
    assert answer.degraded == ("the model failed (RuntimeError): quoted without it",)


def test_a_spent_budget_leaves_the_quotes_and_a_note():
    generator = FakeGenerator("The engine takes 4.2 L.")
    answer = ask(generator, budget_ms=5)
    assert generator.prompts == []
    assert answer.text == ask(None).text
    assert answer.degraded == ("time budget of 5 ms: quoted without the model",)


def test_a_model_that_is_still_loading_when_the_budget_is_spent_is_not_waited_for():
    answer = ask(Future(), budget_ms=5)  # never done
    assert answer.text == ask(None).text
    assert answer.degraded == ("time budget of 5 ms: the model was still loading",)


def test_a_sentence_that_the_limit_cut_off_is_told():
    answer = ask(FakeGenerator("The engine takes 4.2 L of oil"), max_new_tokens=3)
    assert answer.degraded == ("the model wrote no whole sentence in 3 tokens: quoted without it",)


def test_a_tight_budget_cuts_the_prompt_and_says_so():
    generator = FakeGenerator("The engine takes 4.2 L.")
    answer = ask(generator, budget_ms=4000)
    assert generator.count_tokens(generator.prompts[0]) <= 240
    assert "prompt cut to" in answer.degraded[0]


def test_a_generator_that_cannot_count_is_kept_within_the_budget_by_estimate():
    class Uncounted(FakeGenerator):
        capabilities = GeneratorCapabilities()

        def count_tokens(self, messages):
            raise AssertionError("asked to count")

        def generate(self, messages, options):
            self.prompts.append(tuple(messages))
            return FakeGenerator("The engine takes 4.2 L.").generate(messages, options)

    generator = Uncounted()
    assert ask(generator).method == "mixed"
    assert sum(len(m.content) for m in generator.prompts[0]) < 4 * CONFIG.prompt_tokens


def test_a_generator_that_is_still_loading_is_waited_for_after_the_quotes():
    loading = Future()
    run = Answerer(loading, CONFIG).start(QUESTION, HITS)
    assert next(run).origin == "quote"
    threading.Timer(0.05, loading.set_result, [FakeGenerator("The engine takes 4.2 L.")]).start()
    assert run.result().method == "mixed"


def test_a_generator_that_cannot_load_is_an_error():
    loading = Future()
    loading.set_exception(ModelNotFoundError("no model named 'x'", hint="ragedge models pull x"))
    with pytest.raises(ModelNotFoundError):
        ask(loading)


def test_closing_keeps_what_was_handed_out():
    run = Answerer(FakeGenerator("The engine takes 4.2 L."), CONFIG).start(QUESTION, HITS)
    first = next(run)
    run.close()
    answer = run.result()
    assert answer.sentences == (first,)
    assert answer.text == first.text


def test_limits_and_seed_reach_the_generator():
    seen = []

    class Watching(FakeGenerator):
        def generate(self, messages, options):
            seen.append(options)
            return super().generate(messages, options)

    ask(Watching(), max_new_tokens=7, temperature=0.5, seed=3)
    assert (seen[0].max_new_tokens, seen[0].temperature, seen[0].seed) == (7, 0.5, 3)


@pytest.mark.parametrize("options", [{"budget_ms": 0}, {"budget_ms": float("nan")}, {"max_new_tokens": 0}])
def test_wrong_limits_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        ask(None, **options)


def test_an_empty_question_is_refused():
    with pytest.raises(QuestionError):
        ask(None, " \x00 ")


def test_the_answer_prints_as_the_contract_says():
    printed = ask(FakeGenerator("The engine takes 4.2 L.")).as_dict()
    assert set(printed["sentences"][0]) == {"text", "origin", "citations"}
    assert printed["timings"]["prompt_tokens"] > 0
    assert 0 <= printed["confidence"] <= 1


TEXTS = st.lists(
    st.sampled_from(
        [
            "oil",
            "plug",
            "4.2 L",
            "35 N·m",
            ".",
            "\n",
            "\n\n",
            " | ",
            "1. ",
            "WARNING",
            "Fastener",
            "の油。",
            "-",
            "QE16",
            "図 3",
        ]
    ),
    max_size=60,
).map(" ".join)
ALWAYS = GenerateConfig(abstain_below=0.0)


@given(
    st.lists(TEXTS.filter(lambda text: text.strip()), min_size=1, max_size=3),
    st.sampled_from(
        ["oil plug torque?", "How do I drain the oil?", "Where is the plug?", "油の量は", "Is QE16 oil?"]
    ),
)
def test_whatever_the_pages_hold_quotes_are_verbatim(pages, question):
    """Each hit runs over two pages; each citation must be found on the page it names."""
    hits, texts = [], {}
    for rank, text in enumerate(pages, 1):
        texts[rank], texts[rank + 100] = text, "The oil plug takes 35 N·m."
        spans = tuple(PlacedSpan(page, str(page), 0, len(texts[page])) for page in (rank, rank + 100))
        hits.append(hit(f"{text}\n{texts[rank + 100]}", rank, spans=spans))
    answer = ask(FakeGenerator("The oil plug takes 35 N·m."), question, found(*hits), ALWAYS)
    assert all(texts[c.page][c.start : c.end] == c.quote for c in answer.citations)
    assert all(c.quote.strip() == c.quote != "" for c in answer.citations)
    assert all(s.citations for s in answer.sentences)
    assert answer.abstained or answer.sentences
