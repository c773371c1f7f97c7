from answer_passages import OIL, STEPS, TORQUES, hit
from hypothesis import given
from hypothesis import strategies as st

from ragedge.datatypes import Message
from ragedge.generate.evidence import find_evidence
from ragedge.generate.prompt import build_prompt, estimate_tokens
from ragedge.generate.question import read_question
from ragedge.testing.fake_generator import FakeGenerator

COUNT = FakeGenerator().count_tokens
HITS = [hit(OIL, 1), hit(TORQUES, 2), hit(STEPS, 3, heading=("Maintenance",))]


def prompt(question, budget=400, hits=HITS, count=COUNT):
    return build_prompt(find_evidence(read_question(question), hits), count, budget)


def test_fixed_words_come_first_then_numbered_passages_then_the_question():
    system, user = prompt("How much oil does the engine take?").messages
    assert system.role == "system"
    assert user.content.startswith("[1] ")
    assert user.content.endswith("Question: How much oil does the engine take?")
    assert "The engine takes 4.2 L of oil with a filter change." in user.content


def test_equal_input_gives_equal_bytes():
    assert prompt("How much oil?") == prompt("How much oil?")


@given(
    st.integers(20, 400),
    st.text(alphabet="abc oil plug 日本", min_size=1, max_size=600).filter(lambda t: t.strip()),
)
def test_no_prompt_is_over_its_budget(budget, words):
    made = prompt(f"oil {words}", budget)
    assert made is None or (COUNT(made.messages) == made.tokens <= budget)


def test_passages_are_cut_between_sentences_and_it_says_so():
    hits = [hit("The engine takes 4.2 L of oil. The gearbox takes 2 L of oil. The axle takes 1 L of oil.")]
    whole = prompt("How much oil does the engine take?", hits=hits)
    short = prompt("How much oil does the engine take?", whole.tokens - 1, hits=hits)
    assert whole.trimmed == ()
    assert "sentences of the passages left out" in short.trimmed[0]
    assert "The engine takes 4.2 L of oil." in short.messages[1].content
    assert "The axle takes 1 L of oil." not in short.messages[1].content


def test_a_budget_without_room_gives_no_prompt():
    assert prompt("How much oil does the engine take?", 12) is None


def test_a_long_question_keeps_to_its_share():
    made = prompt("oil " * 900, 400)
    assert "question" in made.trimmed[0]
    assert made.tokens <= 400
    assert "[1] " in made.messages[1].content


def test_the_estimate_is_on_the_high_side():
    text = "The engine takes 4.2 L of oil with a filter change. エンジンオイルは4.2 Lです。"
    assert estimate_tokens([Message("user", text)]) > len(text) / 4
