from answer_passages import OIL, found, hit

from ragedge.config import GenerateConfig
from ragedge.generate.answerer import Answerer
from ragedge.generate.evidence import find_evidence
from ragedge.generate.procedure import find_procedure
from ragedge.generate.question import read_question

TITLE = "7.4 Draining the coolant"
PARTS = [
    hit("7.3 Topping up\n\n1. Open the cap.\n2. Fill slowly.", 9, heading=("7 Cooling",), start=0),
    hit(
        f"{TITLE}\n\nApplies to: all models.\n\nWARNING\nHot coolant scalds.\n\n"
        "1. Let the engine cool.\n2. Put a tray below.",
        9,
        heading=("7 Cooling",),
        start=100,
    ),
    hit("WARNING\nCoolant is poisonous.\n3. Open the tap.", 9, heading=("7 Cooling", TITLE), start=300),
    hit("4. Close the tap. Tighten to 9 N·m.", 9, heading=("7 Cooling", TITLE), start=400),
    hit("7.5 Hoses\n\n1. Loosen the clips.\n2. Pull.", 9, heading=("7 Cooling",), start=500),
]
for number, part in enumerate(PARTS):
    object.__setattr__(part, "chunk_id", f"part-{number}")


def ask(question, *hits):
    run = Answerer(None, GenerateConfig(abstain_below=0)).start(
        question, found(*hits), neighbours=lambda _: PARTS
    )
    return run.result()


def test_steps_that_retrieval_did_not_find_are_told_in_their_place():
    answer = ask("How do I drain the coolant?", PARTS[3], hit(OIL, 2))
    assert answer.text.splitlines() == [
        "Applies to: all models.",
        "1. Let the engine cool.",
        "2. Put a tray below.",
        "3. Open the tap.",
        "4. Close the tap. Tighten to 9 N·m.",
    ]


def test_every_warning_of_the_section_guards_the_steps():
    answer = ask("How do I drain the coolant?", PARTS[3])
    assert [notice.text for notice in answer.safety] == ["Hot coolant scalds.", "Coolant is poisonous."]


def test_each_step_is_cited_with_its_own_words():
    answer = ask("How do I drain the coolant?", PARTS[3])
    assert [answer.citations[s.citations[0]].quote for s in answer.sentences] == answer.text.splitlines()
    assert [hit.chunk_id for hit in answer.passages] == ["part-3"]


def test_a_section_whose_title_says_something_else_is_not_taken():
    findings = find_evidence(read_question("How do I replace the sunroof glass?"), found(PARTS[3]))
    assert find_procedure(findings, lambda _: PARTS) is None


def test_a_numbered_parts_list_is_no_procedure():
    parts = "Table 4. Drain coolant kit\n\n" + "\n".join(
        f"{n}. Clamp, Loop MS2133{n}-67 5340-00-079" for n in range(1, 9)
    )
    question = read_question("How do I drain coolant with the kit?")
    findings = find_evidence(question, found(hit(parts, 4, heading=("Drain coolant kit",))))
    assert find_procedure(findings, lambda passage: [passage]) is None
