"""What a knowledge base holds and how it is set, as ``ragedge status --json`` prints it."""

from __future__ import annotations

from typing import Any

from ragedge.calibration.calibrate import abstention, in_force
from ragedge.index.cache import VectorCache
from ragedge.index.store import Store
from ragedge.parts import Parts
from ragedge.retrieve.revisions import superseded


def status(parts: Parts) -> dict[str, Any]:
    """Return the JSON of a knowledge base.

    Raises:
        KnowledgeBaseNotFoundError: nothing was taken in yet.
    """
    store = parts.store()
    counts = store.counts()
    records = store.sources()
    replaced = superseded(records)
    settings = in_force(store, parts.effective)
    return {
        "schema": 1,
        "schema_version": store.schema_version,
        "documents": counts.documents,
        "pages": counts.pages,
        "chunks": counts.chunks,
        "sources": [
            {
                "source": r.source,
                "sha256": r.sha256,
                "pages": r.pages,
                "chunks": r.chunks,
                "metadata": dict(r.metadata),
                "redacted": r.redacted,
                "superseded_by": replaced.get(r.source),
            }
            for r in records
        ],
        "embedder": dict(store.embedder.as_dict()),
        "index": index_status(store, parts.vectors()),
        "settings": settings.as_dict(),
        "abstention": abstention(store, settings),
        "encrypted": parts.vault.cipher is not None,
        "bytes": store.bytes_used(),
        "content_digest": store.content_digest(),
    }


def index_status(store: Store, cache: VectorCache) -> dict[str, Any]:
    """Return the vector index's kind, its state and how many vectors there are."""
    return {"kind": cache.kind, "state": cache.state(), "count": store.counts().chunks}
