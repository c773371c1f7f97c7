"""The built-in reranker: late interaction over the vectors of single tokens, by the encoder that is there already.

Each token of the question looks for the token of the passage that is most like it; the mean of those cosines is the
score. It sees which words meet, where one vector for a whole passage blurs them, and costs an encoding of each
passage: about what embedding it took.

Source: Khattab, Zaharia, "ColBERT: Efficient and effective passage search via contextualized late interaction over
BERT", SIGIR 2020. The encoder was not trained for it; what it is worth is in docs/decisions/036.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import plugins
from ragedge.embed.encoder_runs import SPECIAL_TOKENS, encoder_feeds, encoder_ids
from ragedge.embed.token_counter import load_tokenizer
from ragedge.errors import ConfigError, ModelError
from ragedge.runtime.saturation import exact_product_entries
from ragedge.runtime.session import Session, open_session
from ragedge.runtime.threads import thread_count

if TYPE_CHECKING:
    from ragedge.models.manifest import EncoderFacts
    from ragedge.protocols import Float32, Options

OPTIONS = ("model", "threads")
_DEFAULT_MODEL = "minilm-l6"
_GRAPH, _TOKENIZER = "model.onnx", "tokenizer.json"


class LateInteraction:
    """Scores passages by the tokens of a question that they answer to. Safe for threads."""

    def __init__(self, session: Session, output: str, tokenizer: Any, facts: EncoderFacts) -> None:
        self._session = session
        self._output = output
        self._tokenizer = tokenizer
        self._facts = facts

    def score(self, question: str, passages: Sequence[str], /) -> Float32:
        """Score passages; (len(passages),), mean cosine from -1 to 1."""
        asked = self._token_vectors(self._facts.query_prefix + question)
        # The special tokens at both ends stand for the whole text.
        asked = asked[1:-1] if len(asked) > 2 else asked
        scores = np.empty(len(passages), np.float32)
        for number, passage in enumerate(passages):
            there = self._token_vectors(self._facts.passage_prefix + passage)
            scores[number] = (asked @ there.T).max(axis=1).mean()
        return scores

    def _token_vectors(self, text: str) -> Float32:
        """Return the vectors of a text's tokens, special ones included, (seq, dim), rows of L2 norm 1."""
        ids = encoder_ids(self._tokenizer, text, self._facts.max_tokens + SPECIAL_TOKENS)
        rows = self._session.run(encoder_feeds(self._session, ids), [self._output])[self._output][0]
        unit: Float32 = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return unit


def create(options: Options) -> LateInteraction:
    """Build the reranker.

    Args:
        options: ``model`` (an installed embedder's name, default minilm-l6) and ``threads`` (0 is automatic).

    Raises:
        ConfigError: an unknown option, or one of the wrong type.
        ModelNotFoundError: the model is not installed.
        ModelError: it is not an embedder, or has no vectors of single tokens.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ConfigError(
            f"reranker late_interaction has no option {unknown[0]!r}; options: {', '.join(OPTIONS)}",
            hint="see docs/configuration.md",
        )
    threads = options.get("threads", 0)
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 0:
        raise ConfigError(
            f"reranker late_interaction: threads is {threads!r}; it must be a whole number of 0 or more",
            hint="set runtime.threads",
        )
    from ragedge.models import store
    from ragedge.models.token_graph import with_token_vectors

    folder = store.find(str(options.get("model", _DEFAULT_MODEL)))
    facts = folder.manifest.encoder
    if facts is None:
        raise ModelError(
            f"model {folder.manifest.name!r} is a {folder.manifest.kind}, not an embedder",
            hint="name an embedder in embed.model; see: ragedge models list",
        )
    path = folder.path / _GRAPH
    with folder.checked():
        tokenizer = load_tokenizer(folder.path / _TOKENIZER)
        graph, output = with_token_vectors(path, facts.dim)
    session = open_session(
        path,
        plugins.create("backend", "cpu"),
        threads=thread_count(threads),
        entries=exact_product_entries(),
        graph=graph,
    )
    return LateInteraction(session, output, tokenizer, facts)
