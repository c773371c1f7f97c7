from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import ragedge
from ragedge import errors

PACKAGE = Path(ragedge.__file__).parent
CLASSES = [
    item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, errors.RagedgeError)
]


def test_every_class_stands_in_the_drawn_tree() -> None:
    assert len(CLASSES) > 15
    for item in CLASSES:
        assert item.__name__ in (errors.__doc__ or ""), item.__name__
        assert item.__doc__, item.__name__


@pytest.mark.parametrize("item", CLASSES)
def test_no_error_is_a_key_error(item: type[Exception]) -> None:
    """``str()`` of a KeyError puts quotes around the message."""
    assert not issubclass(item, KeyError)


def test_the_text_carries_the_next_command() -> None:
    error = errors.ModelNotFoundError("model 'x' is not installed", hint="ragedge models pull x")
    assert str(error) == "model 'x' is not installed (ragedge models pull x)"
    assert error.as_dict() == {
        "type": "ModelNotFoundError", "message": "model 'x' is not installed", "hint": "ragedge models pull x",
    }  # fmt: skip
    assert str(errors.QuestionError("the question is empty")) == "the question is empty"


def raised() -> list[tuple[str, ast.Call]]:
    """Return every construction of one of our errors in the package, with its place."""
    names = {item.__name__ for item in CLASSES}
    calls = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                calls.append((f"{path.relative_to(PACKAGE)}:{node.lineno}", node))
    return calls


def test_most_errors_say_what_to_do_next() -> None:
    """A hint may be missing where the message says all; it is the exception."""
    calls = raised()
    assert len(calls) > 40
    with_hint = [place for place, call in calls if any(word.arg in ("hint", None) for word in call.keywords)]
    exempt = [place for place, call in calls if call.func.id == "UnknownPluginError"]  # type: ignore[attr-defined]
    assert len(with_hint) + len(exempt) >= 0.75 * len(calls)


def test_messages_begin_low_and_end_without_a_full_stop() -> None:
    """They are joined into one line with what they stand in."""
    for place, call in raised():
        message = next(
            (a for a in call.args[:2] if isinstance(a, ast.Constant) and " " in str(a.value)), None
        )
        if message is not None:
            assert not str(message.value).endswith("."), place
