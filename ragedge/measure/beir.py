"""Takes the corpus of a BEIR folder into a knowledge base of its own: a page per entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ragedge import plugins
from ragedge.config import Config
from ragedge.datatypes import PART_OF, Block, Chunk, Document, Page, Span
from ragedge.index.store import Store
from ragedge.measure.questions import read_lines
from ragedge.privacy.keys import Secret
from ragedge.privacy.vault import Vault

if TYPE_CHECKING:
    from ragedge.protocols import Embedder, Float32

    Embed = Callable[[Sequence[str], Embedder], Float32]

Progress = Callable[[str, int, int | None], None]

# Chunks asked for, so that ten documents are left after chunks of one document are folded together.
DEPTH = 50
_EMBED_STEP = 64


def build_corpus(
    folder: Path, path: Path, config: Config, embedder: Embedder, embed: Embed | None = None,
    progress: Progress | None = None, key: bytes | None = None,
) -> list[str]:  # fmt: skip
    """Make a knowledge base of a corpus: one document, a page per entry.

    Args:
        folder: Holds ``corpus.jsonl``.
        path: Where the knowledge base is made.
        config: Names the chunker and the chunks' size.
        embedder: Builds the vectors.
        embed: Texts to rows, where the caller keeps them; the embedder itself by default.
        progress: Called with a stage, how much of it is done, and how much there is.
        key: Encrypts it.

    Returns:
        The entries' names; entry ``i`` is page ``i + 1``.

    Raises:
        SourceError: a line of the corpus is not what is expected.
    """
    settings = config.ingest
    longest = min(settings.chunk_tokens, embedder.max_tokens)
    options = {"max_tokens": longest, "overlap_tokens": settings.overlap_tokens}
    chunker = plugins.create("chunker", settings.chunker, options)
    pages: list[Page] = []
    chunks: list[Chunk] = []
    names: list[str] = []
    for number, (_, entry) in enumerate(read_lines(folder / "corpus.jsonl", "_id", "text"), 1):
        title = str(entry.get("title") or "").strip()
        text = entry["text"].strip() or title or "-"
        whole = f"{title}\n{text}" if title else text
        head = (Block("heading", 0, len(title), 1),) if title else ()
        page = Page(number, whole, blocks=(*head, Block("paragraph", len(whole) - len(text), len(whole))))
        pages.append(page)
        names.append(str(entry["_id"]))
        for chunk in chunker.chunk(Document(names[-1], "text/plain", (page,)), embedder):
            spans = tuple(Span(number - 1, s.start, s.end) for s in chunk.spans)
            part = chunk.metadata.get(PART_OF)  # counted from 0 in each entry; here they are one document
            metadata = {} if part is None else {PART_OF: f"{number}-{part}"}
            chunks.append(replace(chunk, spans=spans, metadata=metadata))
    texts = [chunk.index_text for chunk in chunks]
    rows = embed(texts, embedder) if embed else _embed(texts, embedder, progress)
    store = Store.create(
        Vault.open(path, create=True, secret=None if key is None else Secret.of(key)),
        embedder_name=embedder.name,
        fingerprint=embedder.fingerprint,
        dim=embedder.dim,
    )
    try:
        document = Document(folder.name, "text/plain", tuple(pages))
        store.put_document(folder.name, "0" * 64, document, chunks, rows)
    finally:
        store.close()
    return names


def _embed(texts: Sequence[str], embedder: Embedder, progress: Progress | None) -> Float32:
    parts = [np.zeros((0, embedder.dim), np.float32)]
    for start in range(0, len(texts), _EMBED_STEP):
        parts.append(embedder.embed_passages(texts[start : start + _EMBED_STEP]))
        if progress is not None:
            progress("embedding the corpus", min(start + _EMBED_STEP, len(texts)), len(texts))
    return np.concatenate(parts)
