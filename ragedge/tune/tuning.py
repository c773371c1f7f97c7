"""Tunes one knowledge base: tries settings on questions, keeps what holds on questions that had no say."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import __version__
from ragedge.effective_config import EffectiveConfig, load
from ragedge.errors import ConfigError
from ragedge.extras import require
from ragedge.tune.choice import FOLDS, Choice, choose
from ragedge.tune.questions import Asked, digest_of
from ragedge.tune.rechunking import NEEDS_INGEST, ingest_command, rechunked
from ragedge.tune.remembering import RememberingEmbedder
from ragedge.tune.space import chunk_settings, search_settings
from ragedge.tune.trial import METRIC, Trial, run_trial

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

Progress = Callable[[str, int, int | None], None]

# Fewer could not show a gain that is worth having.
LEAST_QUESTIONS = 20
_SEED = 0
_RESULT, _LAST = "result", "last"


@dataclass(frozen=True, slots=True)
class Budget:
    """What the device allows; None is no limit.

    Attributes:
        ms: Median time of a search, embedding the question included.
        mb: Size of the knowledge base, in 10^6 bytes.
    """

    ms: float | None = None
    mb: float | None = None

    def allows(self, trial: Trial, embed_ms: float) -> bool:
        """Whether a setting keeps within it."""
        quick = self.ms is None or trial.search_ms + embed_ms <= self.ms
        return quick and (self.mb is None or trial.bytes / 1e6 <= self.mb)


def tune(
    kb: KnowledgeBase,
    asked: Sequence[Asked],
    *,
    trials: int,
    budget: Budget,
    chunking: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Try settings and choose; nothing is applied. What was tried is kept, so a second call goes on from it.

    Args:
        kb: With the settings that are to be beaten.
        asked: The questions.
        trials: At most so many settings.
        budget: What the device allows.
        chunking: Try chunkers and sizes too, each in a temporary knowledge base inside this one's folder.
        progress: Called with a stage, how much of it is done, and how much there is.

    Returns:
        The JSON that ``ragedge tune --json`` prints, ``applied`` false.

    Raises:
        ConfigError: there are too few questions.
        MissingExtraError: the extra ``tune`` is not installed.
    """
    require("tune", "optuna", "ir_measures", "pytrec_eval")
    if len(asked) < LEAST_QUESTIONS:
        raise ConfigError(
            f"{len(asked)} questions cannot tell settings apart; at least {LEAST_QUESTIONS} are needed",
            hint="name a file of questions, or add feedback; without a file questions are made from the documents",
        )
    # Sorted by id first, so that the order is the same however they came.
    order = sorted(asked, key=lambda item: item.id)
    random.Random(_SEED).shuffle(order)  # noqa: S311 -- an order, not a secret
    remembering: list[RememberingEmbedder] = []

    def remember(embedder: Any) -> Any:
        remembering[:] = remembering or [RememberingEmbedder(embedder)]
        return remembering[0]

    embed_ms = _embed_ms(kb, order)
    graph = kb.store.counts().chunks >= kb.config.index.exact_below and kb.config.index.kind != "exact"
    candidates = search_settings(kb.config, trials, graph=graph)
    chunked = chunk_settings(kb.config) if chunking else []
    study = _study(kb, order)
    known = kb.store.learned.trials(study)
    done: list[Trial] = []
    resumed = 0
    for number, changes in enumerate(candidates + chunked, 1):
        name = json.dumps(changes, sort_keys=True)
        if name in known:
            trial = Trial.from_dict(known[name])
            resumed += 1
        else:
            baseline = done[0] if done else None
            if number <= len(candidates):
                other = kb.beside(_changed(kb.settings, changes), remember)
                trial = run_trial(other, changes, order, baseline)
            else:
                with rechunked(kb, changes) as other:
                    trial = run_trial(other, changes, order, baseline)
            kb.store.learned.add_trial(study, name, trial.as_dict())
        done.append(trial)
        if progress is not None:
            progress("trying settings", number, len(candidates) + len(chunked))
    result = _result(kb, order, done, budget, embed_ms) | {"resumed": resumed}
    kb.store.learned.forget_trials((study, _RESULT))
    keep_result(kb, result)
    return result


def keep_result(kb: KnowledgeBase, result: dict[str, Any]) -> None:
    """Store a result as the last one of a knowledge base."""
    kb.store.learned.add_trial(_RESULT, _LAST, result)


def last_result(kb: KnowledgeBase) -> dict[str, Any] | None:
    """Return what the last tuning found; None where there was none."""
    return kb.store.learned.trials(_RESULT).get(_LAST)


def tried(kb: KnowledgeBase) -> list[Trial]:
    """Return every setting that is remembered, with its scores."""
    return [Trial.from_dict(body) for body in kb.store.learned.tried(_RESULT)]


def apply(kb: KnowledgeBase, result: Mapping[str, Any]) -> dict[str, Any]:
    """Store the settings of a result as tuned values; return the result as applied.

    Raises:
        ConfigError: it was not accepted, or takes a new ingest; the hint is the command for it.
    """
    if not result["accepted"]:
        raise ConfigError(f"there is nothing to apply: {result['reason']}", hint="ragedge tune --show")
    settings: dict[str, Any] = result["settings"]
    if any(key.startswith(NEEDS_INGEST) for key in settings):
        raise ConfigError(
            f"{', '.join(k for k in settings if k.startswith(NEEDS_INGEST))} take a new ingest",
            hint=ingest_command(kb, settings),
        )
    kb.store.learned.set_values("tuned", {**kb.store.learned.values("tuned"), **settings})
    applied = {**result, "applied": True}
    keep_result(kb, applied)
    kb.record("tune apply", settings=len(settings))
    return applied


def reset(kb: KnowledgeBase) -> list[str]:
    """Remove every tuned value and what was tried; return the keys that go back to their defaults."""
    keys = kb.store.learned.clear("tuned")
    kb.store.learned.forget_trials(("",))
    kb.record("tune reset", settings=len(keys))
    return keys


def pinned(kb: KnowledgeBase, settings: Mapping[str, Any]) -> list[str]:
    """Return which of these settings the file or a flag holds, which stand above tuned values."""
    return [key for key in settings if kb.settings.origins.get(key) in ("file", "flag")]


def _result(
    kb: KnowledgeBase, asked: Sequence[Asked], done: Sequence[Trial], budget: Budget, embed_ms: float
) -> dict[str, Any]:
    scores = np.full((len(done), len(asked)), math.nan)
    for row, trial in enumerate(done):
        if len(trial.scores) == len(asked):
            scores[row] = trial.scores
    allowed = [budget.allows(trial, embed_ms) for trial in done]
    choice = choose(scores, allowed)
    must_change = not allowed[0] and any(allowed)
    row = choice.row if choice.accepted else 0
    if must_change and row == 0:  # what is breaks the budget: the best that keeps it, better or not
        means = np.where(allowed, np.nan_to_num(scores.mean(axis=1), nan=-1.0), -1.0)
        row = int(np.argmax(means)) if means.max() >= 0 else 0
    best = done[row] if row else done[choice.row]
    origins = [item.origin for item in asked]
    return {
        "schema": 1,
        "trials": len(done),
        "applied": False,
        "accepted": row != 0,
        "reason": _reason(choice, row, kept_budget=allowed[0], any_allowed=any(allowed)),
        "baseline": _figures(done[0], embed_ms),
        "best": _figures(best, embed_ms),
        "gain": {key: value for key, value in asdict(choice.gain).items() if key in ("value", "low", "high")},
        "chance": choice.chance,
        "held_out": len(asked),
        "folds": FOLDS,
        "settings": best.changes if row else {},
        "best_settings": best.changes,
        "questions": {name: origins.count(name) for name in dict.fromkeys(origins)},
    }


def _reason(choice: Choice, row: int, *, kept_budget: bool, any_allowed: bool) -> str:
    if choice.accepted:
        return "better on questions that had no say in choosing it"
    if row:
        return "what is breaks the budget; this is the best setting tried that keeps it"
    if not kept_budget and not any_allowed:
        return "no setting tried keeps the budget"
    if choice.row == 0:
        return "no setting tried was better than what is"
    return "on questions that had no say in choosing, the gain is not surely above zero"


def _figures(trial: Trial, embed_ms: float) -> dict[str, float]:
    return {
        METRIC: float(np.mean(trial.scores)),
        "latency_ms": round(trial.search_ms + embed_ms, 3),
        "mb": round(trial.bytes / 1e6, 3),
    }


def _embed_ms(kb: KnowledgeBase, asked: Sequence[Asked]) -> float:
    """Return how long embedding a question takes, in the middle."""
    kb.search(asked[0].text)  # loads what is loaded on first use
    return float(np.median([kb.search(item.text).timings.embed_ms for item in asked[:20]]))


def _changed(effective: EffectiveConfig, changes: Mapping[str, Any]) -> EffectiveConfig:
    """Return the settings with some of them changed."""
    values = {key: item["value"] for key, item in effective.as_dict().items()}
    return load(flags={key: value for key, value in {**values, **changes}.items() if value is not None})


def _study(kb: KnowledgeBase, asked: Sequence[Asked]) -> str:
    """Name what the scores of a trial depend on, but for the trial's own settings."""
    config = kb.config
    settings = {
        "retrieve": asdict(config.retrieve),
        "index": asdict(config.index),
        "embed": asdict(config.embed),
    }
    parts = [__version__, kb.store.content_digest(), digest_of(asked), settings]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
