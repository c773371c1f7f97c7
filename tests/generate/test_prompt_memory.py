from answer_passages import OIL, STEPS, TORQUES, hit

from ragedge.generate.evidence import find_evidence
from ragedge.generate.prompt import build_prompt
from ragedge.generate.prompt_memory import Block, PromptMemory, best_beginning
from ragedge.generate.question import read_question
from ragedge.testing.fake_generator import FakeGenerator

COUNT = FakeGenerator().count_tokens
HITS = [hit(OIL, 1), hit(TORQUES, 2), hit(STEPS, 3, heading=("Maintenance",))]
A, B, C = (Block(name, "", (f"{name} line one", f"{name} line two")) for name in "abc")
ALL = {block.chunk_id: set(block.lines) for block in (A, B, C)}


def prompt(question, hits=HITS, **options):
    return build_prompt(find_evidence(read_question(question), hits), COUNT, 400, **options)


def passages(made):
    return made.messages[1].content.partition("\n\nQuestion:")[0]


def test_the_longest_useful_beginning_is_taken():
    assert best_beginning([(A,), (A, B, C), (B,)], ALL, {"a", "b", "c"}) == (A, B, C)


def test_what_was_not_found_again_ends_it():
    assert best_beginning([(A, B, C)], ALL, {"a", "c"}) == (A,)
    assert best_beginning([(A, B)], ALL, {"b"}) == ()


def test_a_beginning_that_is_mostly_not_wanted_is_left():
    assert best_beginning([(A, B)], {"b": {"b line two"}}, {"a", "b"}) == ()
    assert best_beginning([(A, B)], {"a": set(A.lines)}, {"a", "b"}) == (A,)


def test_the_memory_holds_the_last_ones_and_forgets():
    memory = PromptMemory()
    for blocks in ((A,), (B,), (A,)):
        memory.note(blocks)
    assert memory.recent() == [(A,), (B,)]
    memory.clear()
    assert memory.recent() == []


def test_a_second_question_over_the_same_passages_begins_the_same_way():
    first = prompt("How much oil does the engine take?", fill="passages")
    order = [HITS[2], HITS[0], HITS[1]]  # found in another order
    anew = prompt("How tight is the oil drain plug?", order, fill="passages")
    second = prompt("How tight is the oil drain plug?", order, fill="passages", earlier=[first.blocks])
    assert passages(second) == passages(first) != passages(anew)
    assert second.passages == (0, 1, 2)


def test_what_the_second_question_needs_besides_comes_after():
    first = prompt("How much oil does the engine take?", HITS[:1], fill="passages")
    second = prompt("How tight is the oil drain plug?", HITS, fill="passages", earlier=[first.blocks])
    assert passages(second).startswith(passages(first) + "\n[2] ")
    assert any("drain plug" in line.lower() for block in second.blocks for line in block.lines)


def test_a_passage_that_is_not_found_again_is_not_carried_over():
    first = prompt("How much oil does the engine take?", HITS[:1], fill="passages")
    second = prompt("How tight is the oil drain plug?", HITS[1:], fill="passages", earlier=[first.blocks])
    assert first.blocks[0] not in second.blocks


def test_by_evidence_a_prompt_is_short():
    short, whole = prompt("How much oil does the engine take?"), prompt("How much oil?", fill="passages")
    assert short.tokens < whole.tokens
