from answer_passages import found, hit

from ragedge.config import GenerateConfig
from ragedge.generate.answerer import Answerer

CHAPTER = "5 Schedule"
PARTS = [
    hit(
        f"5.{n} {market} schedule\n\nWork | Normal | Severe\nBrake fluid | {a} months | {b} months\n"
        f"Cabin filter | {c} months | 9 months",
        page=20 + n,
        heading=(CHAPTER,),
    )
    for n, market, a, b, c in ((3, "EU", 24, 12, 30), (4, "US", 36, 18, 40), (5, "JP", 20, 10, 50))
]
for number, part in enumerate(PARTS):
    object.__setattr__(part, "chunk_id", f"part-{number}")


def ask(question, *hits):
    run = Answerer(None, GenerateConfig(abstain_below=0)).start(
        question, found(*hits), neighbours=lambda _: PARTS
    )
    return run.result()


def test_a_question_that_names_no_market_is_shown_each_with_its_section():
    answer = ask("How often must the brake fluid be changed?", PARTS[0])
    told = {c.heading[-1]: c.quote for c in answer.citations if "Brake" in c.quote}
    assert told == {
        "5.3 EU schedule": "Brake fluid | 24 months | 12 months",
        "5.4 US schedule": "Brake fluid | 36 months | 18 months",
        "5.5 JP schedule": "Brake fluid | 20 months | 10 months",
    }


def test_a_question_that_names_the_market_is_not_widened():
    answer = ask("How often must the brake fluid be changed in the US?", PARTS[1])
    assert {c.page for c in answer.citations} == {24}


def test_a_section_that_begins_within_a_chunk_is_named_in_the_place_of_its_neighbour():
    part = hit(
        "9.2 Checking the levels\n\nThe level stands between the marks.",
        42,
        heading=("9 Cooling", "9.1 Circuits"),
    )
    answer = ask("Where does the level stand?", part)
    assert [c.heading for c in answer.citations] == [("9 Cooling", "9.2 Checking the levels")]
