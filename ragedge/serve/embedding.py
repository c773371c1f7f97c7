"""Vectors of texts, for both dialects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.serve.refusals import RefusedError

if TYPE_CHECKING:
    from ragedge.protocols import Float32
    from ragedge.serve.served_models import ServedModel
    from ragedge.serve.service import Service

_MOST_TEXTS = 2048  # OpenAI's limit


def texts_of(value: Any) -> list[str]:
    """Return the texts of a request's ``input``.

    Raises:
        RefusedError: 400: it is neither a text nor a list of texts; tokens are another model's.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RefusedError(
            400, "input is a text or a list of texts; token ids are another model's", code="invalid_value",
            param="input",
        )  # fmt: skip
    if len(texts) > _MOST_TEXTS:
        raise RefusedError(
            400,
            f"input has {len(texts)} texts; at most {_MOST_TEXTS} are allowed",
            code="invalid_value",
            param="input",
        )
    return texts


async def embed(
    service: Service, model: ServedModel, texts: Sequence[str], dimensions: int | None, *, cut: bool = True
) -> tuple[Float32, int]:
    """Embed texts as passages.

    Args:
        service: Of the server.
        model: The embedder.
        texts: Any number of them.
        dimensions: Keep as many of each vector, and scale it to length 1 again; None keeps all.
        cut: Read the beginning of what is too long; else it is refused.

    Returns:
        (len(texts), dim), float32, rows of L2 norm 1; and how many tokens were read.

    Raises:
        RefusedError: 400: the model writes, the vectors are shorter than asked for, or a text is too long.
    """
    if model.kind != "embedder":
        raise RefusedError(400, f"{model.name} does not embed", code="invalid_value", param="model")

    def work() -> tuple[Float32, int]:
        embedder = service.kb.embedder
        if dimensions is not None and not 1 <= dimensions <= embedder.dim:
            raise RefusedError(
                400, f"dimensions must be 1 to {embedder.dim}, got {dimensions}", code="invalid_value",
                param="dimensions",
            )  # fmt: skip
        counts = [len(embedder.token_spans(text)) for text in texts]
        if not cut and any(count > embedder.max_tokens for count in counts):
            raise RefusedError(
                400, f"a text has {max(counts)} tokens; {model.name} reads {embedder.max_tokens}",
                code="context_length_exceeded", param="input",
            )  # fmt: skip
        rows = embedder.embed_passages(list(texts))
        if dimensions is not None and dimensions < embedder.dim:
            rows = rows[:, :dimensions]
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = (rows / np.maximum(norms, 1e-12)).astype(np.float32)
        return rows, sum(min(count, embedder.max_tokens) for count in counts)

    return await service.searches.run(work)
