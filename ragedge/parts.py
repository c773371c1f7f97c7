"""The parts of an open knowledge base, each built when it is first needed, under one lock.

Opening costs nothing heavy: a search loads the embedder and the index, an answer the generator.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ragedge import plugins
from ragedge.config import Config, EffectiveConfig
from ragedge.errors import KnowledgeBaseNotFoundError
from ragedge.privacy.vault import Vault

if TYPE_CHECKING:
    from ragedge.index.cache import VectorCache
    from ragedge.index.store import Store
    from ragedge.protocols import Embedder, Generator
    from ragedge.retrieve.retriever import Retriever


class Parts:
    """Of one knowledge base. May be shared by threads.

    Attributes:
        vault: Its folder.
        effective: The effective settings and where each came from.
    """

    def __init__(self, vault: Vault, effective: EffectiveConfig, store: Store | None) -> None:
        self.vault = vault
        self.effective = effective
        self._store = store
        self._building = threading.RLock()
        self._embedder: Embedder | None = None
        self._cache: VectorCache | None = None
        self._retriever: Retriever | None = None
        self._generator: Future[Generator] | None = None

    def close(self) -> None:
        """Close the database; no part can be used afterwards."""
        with self._building:
            if self._cache is not None:
                self._cache.close()
                self._cache = None
            if self._store is not None:
                self._store.close()
                self._store = None

    def beside(self, effective: EffectiveConfig, wrap: Callable[[Embedder], Embedder]) -> Parts:
        """Return the parts for the same rows under other settings; see ``KnowledgeBase.beside``."""
        other = Parts(self.vault, effective, self.store())
        with self._building:
            other._embedder = wrap(self.embedder())
            if effective.config.index == self._config.index:
                other._cache = self.vectors()
            else:
                other._cache = other._new_cache(keep=False)
                other._cache.refresh()
        return other

    def store_if_any(self) -> Store | None:
        """Return its rows; None where nothing was taken in yet."""
        return self._store

    def store(self) -> Store:
        """Return its rows.

        Raises:
            KnowledgeBaseNotFoundError: nothing was taken in yet.
        """
        if self._store is None:
            path = self.vault.path
            raise KnowledgeBaseNotFoundError(
                f"nothing was taken into {path} yet", hint=f"ragedge ingest FILES --kb {path}"
            )
        return self._store

    def create_store(self) -> Store:
        """Make the tables for the embedder's vectors."""
        from ragedge.index.store import Store

        embedder = self.embedder()
        with self._building:
            self._store = Store.create(
                self.vault, embedder_name=embedder.name, fingerprint=embedder.fingerprint, dim=embedder.dim
            )
        return self._store

    def embedder(self) -> Embedder:
        """Return what turns texts into vectors."""
        with self._building:
            if self._embedder is None:
                settings = self._config.embed
                options = {**settings.plugin_options(), **self._runtime_options()}
                self._embedder = plugins.create("embedder", settings.embedder, options)
            return self._embedder

    def vectors(self) -> VectorCache:
        """Return the index over the rows' vectors."""
        with self._building:
            if self._cache is None:
                self._cache = self._new_cache()
            return self._cache

    def retriever(self) -> Retriever:
        """Return what searches.

        Raises:
            IndexMismatchError: the documents were embedded by another model.
        """
        from ragedge.retrieve.retriever import Retriever

        with self._building:
            if self._retriever is None:
                store, embedder = self.store(), self.embedder()
                store.check_embedder(embedder.name, embedder.fingerprint)
                self._retriever = Retriever(store, self.vectors(), embedder, self._config.retrieve)
            return self._retriever

    def generator_loading(self) -> Future[Generator] | None:
        """Begin to load the generator, while the first quotes are chosen and handed out; None where none is set."""
        settings = self._config.generate
        if settings.generator == "none":
            return None
        with self._building:
            if self._generator is None:
                options = {
                    "model": settings.model,
                    "context_window": settings.context_window,
                    **self._runtime_options(),
                }
                context = contextvars.copy_context()  # the network guard goes along
                pool = ThreadPoolExecutor(1, thread_name_prefix="ragedge-load")
                self._generator = pool.submit(
                    context.run, plugins.create, "generator", settings.generator, options
                )
                pool.shutdown(wait=False)  # the thread ends with its one task
            return self._generator

    @property
    def _config(self) -> Config:
        return self.effective.config

    def _runtime_options(self) -> dict[str, Any]:
        settings = self._config.runtime
        return {"threads": settings.threads, "backend": settings.backend}

    def _new_cache(self, *, keep: bool = True) -> VectorCache:
        from ragedge.index.cache import VectorCache

        settings = self._config.index
        options = {
            "m": settings.m,
            "ef_construction": settings.ef_construction,
            "ef_search": settings.ef_search,
        }
        return VectorCache(
            self.store(),
            kind=settings.kind,
            exact_below=settings.exact_below,
            options=options,
            keep=keep,
        )
