"""Which settings are tried: what is, the defaults, one setting moved at a time, and points spread over all.

The points are Optuna's quasi-random ones, which do not depend on how earlier ones did. A sampler that learns
from the scores would have seen every question before the folds are judged (decisions/020).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ragedge.config import BUILT_IN_RERANKER, NO_RERANKER, Config, EmbedConfig, flatten, setting_keys
from ragedge.extras import require

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Settings = dict[str, Any]
_SEED = 0
# The two weights as one share, for only their ratio counts; 0 and 1 leave a half out.
_SHARE = "text_share"
_RERANKER = "retrieve.reranker"
_ONE_AT_A_TIME: dict[str, tuple[Any, ...]] = {
    _SHARE: (0.0, 0.25, 0.4, 0.6, 0.75, 1.0),
    "retrieve.fusion": ("score", "rank"),
    "retrieve.heading_weight": (0.25, 0.5, 2.0, 4.0),
    "retrieve.candidates": (20, 100, 200),
    "retrieve.words_weight": (0.0, 0.5, 1.5),
    "retrieve.abbreviations": (True, False),
    _RERANKER: (NO_RERANKER, BUILT_IN_RERANKER),
}
_INDEX: dict[str, tuple[Any, ...]] = {
    "index.ef_search": (32, 64, 256),
    "index.m": (8, 32),
    "index.ef_construction": (100, 400),
}
_CHUNKING: tuple[Settings, ...] = (
    {"ingest.chunk_tokens": 96},
    {"ingest.chunk_tokens": 128},
    {"ingest.chunk_tokens": 256},
    {"ingest.chunker": "window", "ingest.chunk_tokens": 128, "ingest.overlap_tokens": 32},
    {"ingest.chunker": "window", "ingest.chunk_tokens": 192, "ingest.overlap_tokens": 48},
)


def search_settings(config: Config, trials: int, *, graph: bool) -> list[Settings]:
    """Return the changes to try, none first; each holds the keys that it changes from what is.

    Args:
        config: What is.
        trials: At most so many; more go on where fewer stopped.
        graph: The index keeps a graph, so its settings matter.

    Raises:
        MissingExtraError: the extra ``tune`` is not installed.
    """
    require("tune", "optuna")
    known = set(setting_keys())
    grid = {**_ONE_AT_A_TIME, **(_INDEX if graph else {})}
    if config.embed.embedder != EmbedConfig().embedder:
        del grid[_RERANKER]  # it reads with the built-in embedder's model, which need not be there
    base = _default_search()
    tried: list[Settings] = [{}, _changes(base, config)]
    moves = [_keys({name: value}) for name, values in grid.items() for value in values]
    tried += [_changes(move, config) for move in moves]
    # From the defaults too: settings that are wrong in two places are not mended by one move.
    tried += [_changes({**base, **move}, config) for move in moves]
    # A point names the fusion; what another one goes by is left out of it.
    points = (p if p["retrieve.fusion"] == "rank" else {**p, "retrieve.rrf_k": None} for p in _points(trials))
    named = ({key: value for key, value in point.items() if value is not None} for point in points)
    tried += [_changes({**base, **_keys(point)}, config) for point in named]
    distinct: dict[str, Settings] = {}
    for settings in tried:
        kept = {key: value for key, value in settings.items() if key in known}
        distinct.setdefault(repr(sorted(kept.items())), kept)
    return list(distinct.values())[:trials]


def chunk_settings(config: Config) -> list[Settings]:
    """Return the changes to chunks that are tried; each takes a new ingest."""
    return [changes for item in _CHUNKING if (changes := _changes(item, config))]


def _points(count: int) -> list[Settings]:
    """Return points spread evenly over all search settings at once; a longer list begins with a shorter."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.QMCSampler(seed=_SEED, scramble=True, warn_independent_sampling=False)
        study = optuna.create_study(sampler=sampler)  # in memory: nothing of it is stored by Optuna
        points = []
        for _ in range(count):
            trial = study.ask(_distributions())
            points.append(dict(trial.params))
            study.tell(trial, 0.0)
    return [
        {name: value if isinstance(value, str) else round(value, 3) for name, value in p.items()}
        for p in points
    ]


def _distributions() -> dict[str, BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    return {
        _SHARE: FloatDistribution(0.15, 0.85),
        "retrieve.fusion": CategoricalDistribution(["score", "rank"]),
        "retrieve.rrf_k": FloatDistribution(1.0, 100.0, log=True),
        "retrieve.heading_weight": FloatDistribution(0.2, 6.0, log=True),
        "retrieve.candidates": IntDistribution(20, 200, log=True),
        "retrieve.words_weight": FloatDistribution(0.0, 2.0),
    }


def _keys(point: Mapping[str, Any]) -> Settings:
    settings = {key: value for key, value in point.items() if key != _SHARE}
    if _SHARE in point:
        settings["retrieve.text_weight"] = round(2 * point[_SHARE], 3)
        settings["retrieve.dense_weight"] = round(2 * (1 - point[_SHARE]), 3)
    return settings


def _default_search() -> Settings:
    """Return the product's own settings of the search."""
    return flatten({"retrieve": asdict(Config().retrieve)})


def _changes(settings: Mapping[str, Any], config: Config) -> Settings:
    now = flatten(asdict(config))
    return {key: value for key, value in settings.items() if now.get(key) != value}
