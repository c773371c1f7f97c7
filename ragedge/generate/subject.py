"""What a question is particularly about: its words without those that many questions share."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ragedge.generate.terms import content_terms

# The kind of value, the kind of work, the car itself.
_GENERAL = frozenset(
    content_terms(
        "torque tighten pressure voltage current capacity volume quantity amount level number part type size grade "
        "weight interval time period distance value rating specification year replace change remove fit install "
        "check adjust take find car vehicle model variant meaning step procedure normal engine use"
    )
)


def particular(weights: Mapping[str, float], besides: Collection[str] = ()) -> Mapping[str, float]:
    """Return the weights of the terms that tell a question's subject; all of them where none does.

    Args:
        weights: Of each term of the question.
        besides: Terms that do not tell it either: the name of the value asked for.
    """
    kept = {t: w for t, w in weights.items() if t not in _GENERAL and t not in besides}
    return kept or weights
