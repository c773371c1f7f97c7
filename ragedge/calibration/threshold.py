"""From confidences of answerable questions and decoys to the threshold, and how well it tells them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEAST_QUESTIONS = 24  # fewer say nothing that the shipped threshold does not
# Share of decoys that the shipped threshold silences: 0.66 and 0.54 on two collections (docs/decisions/048).
DECOYS_SILENCED = 0.6
# Questions made of a manual's own words are easier than people's: where even these are refused, too much is.
_MOST_REFUSED = 0.1
_PRIOR = 120  # questions that the shipped threshold is worth
_LEAST, _MOST = 0.15, 0.6


@dataclass(frozen=True, slots=True)
class Share:
    """Hits of a count, with Wilson's 95% interval."""

    hits: int
    count: int

    def as_dict(self) -> dict[str, Any]:
        """Return value, interval and counts, as ``status --json`` prints them."""
        low, high = interval(self.hits, self.count)
        value = round(self.hits / self.count, 3) if self.count else None
        return {
            "value": value,
            "low": round(low, 3),
            "high": round(high, 3),
            "hits": self.hits,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold and what it does to the questions it was fitted on.

    Attributes:
        threshold: Confidence under which to abstain.
        questions: How many it was fitted on, half of them decoys.
        precision: Decoys among the questions abstained from.
        recall: Decoys abstained from.
        answered: Answerable questions that are answered.
    """

    threshold: float
    questions: int
    precision: Share
    recall: Share
    answered: Share


def fit_threshold(
    confidences: Sequence[float], answerable: Sequence[bool], *, shipped: float
) -> Calibration | None:
    """Find the threshold that does to decoys of these documents what the shipped one did to those it was chosen on.

    Confidences of another embedder, language or kind of document lie higher or lower; the share of decoys below
    the threshold carries over. It is not set by what tells decoys and answerable questions apart best: both are
    made of the documents' own words, and people use others, so that threshold would refuse what people ask.
    The result is drawn towards the shipped threshold, as if that rested on questions too, and held within bounds.

    Args:
        confidences: One per question.
        answerable: Whether the documents answer it.
        shipped: The threshold that holds without a fit.

    Returns:
        The fit; None where there are too few questions.
    """
    count = len(confidences)
    pairs = list(zip(confidences, answerable, strict=True))
    decoys, own = (sorted(c for c, a in pairs if a is kind) for kind in (False, True))
    if count < LEAST_QUESTIONS or not decoys or not own:
        return None
    fitted = min(_quantile(decoys, DECOYS_SILENCED), _quantile(own, _MOST_REFUSED))
    fitted = min(_MOST, max(_LEAST, fitted))
    threshold = round((count * fitted + _PRIOR * shipped) / (count + _PRIOR), 3)
    silent = [a for c, a in pairs if c < threshold]
    return Calibration(
        threshold,
        count,
        Share(silent.count(False), len(silent)),
        Share(silent.count(False), len(decoys)),
        Share(sum(c >= threshold for c in own), len(own)),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interval(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share; 0 to 1 where nothing was counted."""
    if not count:
        return 0.0, 1.0
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)
