"""Codes that the documents give one thing, and the answers that they lead to."""

from pathlib import Path

import pytest

import ragedge
from ragedge.retrieve.same_thing import other_codes

MANUAL = """# Cart

## Variants

| Name | Code | Engine | Gearbox |
| --- | --- | --- | --- |
| Cart 1.6 | K16 | EN16-A | GB41 |
| Cart 1.6 Plug-in | L16 | EN16-L | GB41 |

## Filling amounts

| Engine | Oil with filter | Dry engine |
| --- | --- | --- |
| EN16-A | 4.2 L | 4.7 L |
| EN16-L | 4.5 L | 5.1 L |
"""


@pytest.fixture
def kb(tmp_path: Path, home_with_models: Path):
    path = tmp_path / "cart.md"
    path.write_text(MANUAL, encoding="utf-8")
    with ragedge.open(tmp_path / "kb", create=True, settings={"generate.generator": "none"}) as opened:
        opened.ingest(str(path))
        yield opened


def test_a_code_shared_with_another_of_its_make_is_left_out(kb) -> None:
    found = other_codes(kb._parts.store(), "What does the L16 take?")
    assert [(one.code, one.other) for one in found] == [("L16", "EN16-L")]


def test_a_question_without_codes_finds_none(kb) -> None:
    assert other_codes(kb._parts.store(), "What does the cart take?") == []


def test_a_follow_up_by_the_variant_is_answered_by_its_engine(kb) -> None:
    kb.ask("What is the oil capacity of the engine?", session="s")
    answer = kb.ask("and for the L16?", session="s")
    assert "4.5 L" in answer.text
    assert "4.2 L" not in answer.text
    assert answer.notes == ("L16 is read as EN16-L (cart.md).",)


def test_a_variant_that_is_nowhere_is_not_in_the_manual(kb) -> None:
    kb.ask("What is the oil capacity of the engine?", session="s")
    assert kb.ask("and for the Z99?", session="s").abstained
