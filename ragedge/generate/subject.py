"""What a question is particularly about: its words without those that many questions share; and what speaks of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from ragedge.generate.terms import content_terms

# What is done to a thing.
_WORK = frozenset(
    content_terms(
        "tighten replace change remove fit install check adjust take find use make put measure test clean set "
        "swap turn switch read"
    )
)
# The kind of value, the kind of work, the car itself.
_GENERAL = _WORK | frozenset(
    content_terms(
        "torque pressure voltage current capacity volume quantity amount level number part type size grade "
        "weight interval time period distance value rating specification year car vehicle model variant meaning "
        "step procedure normal engine spec nsn stock people person"
    )
)
# What stands behind it is when, why or with what something is done, not what is done.
_ASIDE = re.compile(
    r"\b(?:until|till|when|while|if|unless|so that|before|after|once|because|as soon as|with|from|bis|wenn|bevor|"
    r"nachdem|damit)\b",
    re.I,
)
_ABOUT = 0.5  # share of the subject's weight
_SHORTEST_ROOT = 4  # letters that two words of one root share: cooling, coolant


def particular(weights: Mapping[str, float], besides: Collection[str] = ()) -> Mapping[str, float]:
    """Return the weights of the terms that tell a question's subject; all of them where none does.

    Args:
        weights: Of each term of the question.
        besides: Terms that do not tell it either: the name of the value asked for.
    """
    kept = {t: w for t, w in weights.items() if t not in _GENERAL and t not in besides}
    return kept or weights


def names_a_subject(terms: Collection[str]) -> bool:
    """Whether terms tell more than the kind of value or of work."""
    return any(term not in _GENERAL for term in terms)


def speaks_of(weights: Mapping[str, float], titles: Sequence[str], clauses: Iterable[str]) -> bool:
    """Whether a section is about what a question asks to be done, by its titles or by what a step of it does.

    A step that only mentions the thing ("Drive until the coolant is warm") says nothing of it; and under a title that
    puts another thing in its place (the oil level for the coolant level), a step must name the thing whole.

    Args:
        weights: Of each term of the question.
        titles: The section's title path, outermost first.
        clauses: Its sentences and steps.
    """
    subject = particular(weights)
    terms = content_terms(" \n ".join(titles))
    other = bool(titles) and is_swapped(list(weights), content_terms(titles[-1]))
    if not other and _share(subject, terms, roots=True) >= _ABOUT:
        return True
    asked = weights if other else subject
    return any(
        _share(asked, content_terms(" ".join(_main(clause))), roots=False) >= _ABOUT for clause in clauses
    )


def is_swapped(asked: Sequence[str], said: Sequence[str]) -> bool:
    """Whether a title names another thing of the same kind: "oil level" where "coolant level" is asked for."""
    for head in set(asked) & set(said) - _WORK:
        wanted, named = _beside(asked, head), _beside(said, head)
        if wanted and named and not wanted & set(said) and not named & set(asked):
            return True
    return False


def _beside(terms: Sequence[str], head: str) -> set[str]:
    pairs = itertools.pairwise(terms)
    return {one for pair in pairs if head in pair for one in pair if one != head} - _GENERAL


def _main(clause: str) -> list[str]:
    """Return the sentences of a step, each without what follows "until", "when", "so that"."""
    return [_ASIDE.split(sentence, maxsplit=1)[0] for sentence in re.split(r"(?<=[.!?;])\s+", clause)]


def _share(weights: Mapping[str, float], terms: Collection[str], *, roots: bool) -> float:
    held = sum(w for t, w in weights.items() if t in terms or (roots and any(_one_root(t, s) for s in terms)))
    return held / (sum(weights.values()) or 1.0)


def _one_root(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= _SHORTEST_ROOT and short.isalpha() and long.startswith(short)
