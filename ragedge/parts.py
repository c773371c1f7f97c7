"""The parts of an open knowledge base, each built when it is first needed, under one lock.

Opening costs nothing heavy: a search loads the embedder and the index, an answer the generator.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO

from ragedge import plugins
from ragedge.config import BUILT_IN_RERANKER, NO_RERANKER, Config
from ragedge.effective_config import EffectiveConfig
from ragedge.errors import KnowledgeBaseNotFoundError
from ragedge.generate.adapter_store import AdapterStore
from ragedge.generate.prompt_memory import PromptMemory
from ragedge.installed import Slot
from ragedge.privacy.vault import Vault

if TYPE_CHECKING:
    from ragedge.index.cache import VectorCache
    from ragedge.index.store import Store
    from ragedge.protocols import Embedder, Generator, Reranker, Tool
    from ragedge.retrieve.retriever import Retriever

BUILT_IN_GENERATOR = "onnx"


class Parts:
    """Of one knowledge base. May be shared by threads.

    Attributes:
        vault: Its folder.
        effective: The effective settings and where each came from.
        slot: The installed bundle that it belongs to; None where it belongs to none.
        prompts: What recent prompts began with.
    """

    def __init__(
        self,
        vault: Vault,
        effective: EffectiveConfig,
        store: Store | None,
        slot: Slot | None = None,
        held: BinaryIO | None = None,
    ) -> None:
        """Take what is open already.

        Args:
            vault: The folder.
            effective: The settings.
            store: Its rows; None where nothing was taken in yet.
            slot: The installed bundle that it belongs to, if any.
            held: Keeps the slot from being overwritten until it is closed.
        """
        self.vault = vault
        self.effective = effective
        self.slot = slot
        self._held = held
        self._store = store
        self._building = threading.RLock()
        self._embedder: Embedder | None = None
        self._cache: VectorCache | None = None
        self._retriever: Retriever | None = None
        self._generator: Future[Generator] | None = None
        self._tools: list[Tool] | None = None
        self.prompts = PromptMemory()

    def close(self) -> None:
        """Close the database; no part can be used afterwards."""
        try:
            with self._building:
                if self._cache is not None:
                    self._cache.close()
                    self._cache = None
                if self._store is not None:
                    self._store.close()
                    self._store = None
        finally:
            if self._held is not None:
                self._held.close()

    def beside(self, effective: EffectiveConfig, wrap: Callable[[Embedder], Embedder]) -> Parts:
        """Return the parts for the same rows under other settings; see ``KnowledgeBase.beside``."""
        other = Parts(self.vault, effective, self.store(), self.slot)
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
                store.wholeness.check_whole()
                settings = self._config.retrieve
                self._retriever = Retriever(store, self.vectors(), embedder, settings, self._reranker())
            return self._retriever

    def _reranker(self) -> Reranker | None:
        name = self._config.retrieve.reranker
        if name == NO_RERANKER:
            return None
        options = {**self._config.embed.plugin_options(), "threads": self._config.runtime.threads}
        reranker: Reranker = plugins.create("reranker", name, options if name == BUILT_IN_RERANKER else {})
        return reranker

    def generator_loading(self) -> Future[Generator] | None:
        """Begin to load the generator, while the first quotes are chosen and handed out; None where none is set."""
        settings = self._config.generate
        if settings.generator == "none":
            return None
        with self._building:
            if self._generator is None:
                options = {**self._runtime_options(), **settings.plugin_options()}
                context = contextvars.copy_context()  # the network guard goes along
                pool = ThreadPoolExecutor(1, thread_name_prefix="ragedge-load")
                self._generator = pool.submit(context.run, self._new_generator, settings.generator, options)
                pool.shutdown(wait=False)  # the thread ends with its one task
            return self._generator

    def _new_generator(self, name: str, options: dict[str, Any]) -> Generator:
        """Load the generator, with the adapters of the knowledge base where it has some."""
        adapters = (
            AdapterStore(self._store) if self._store is not None and name == BUILT_IN_GENERATOR else None
        )
        names = adapters.names() if adapters is not None else []
        generator = plugins.create("generator", name, {**options, "adapters": True} if names else options)
        for one in names:
            assert adapters is not None
            generator.add_adapter(one, adapters.read(one))
        return generator  # type: ignore[no-any-return]

    def tools(self) -> list[Tool]:
        """Return the functions that the settings let the model call."""
        with self._building:
            if self._tools is None:
                self._tools = [plugins.create("tool", name) for name in self._config.generate.tools]
            return self._tools

    def forget_texts(self) -> None:
        """Make the generator and the prompts forget what they read: a document has gone."""
        self.prompts.clear()
        forget = getattr(self.generator_if_any(), "forget", None)  # what keeps no state has none
        if forget is not None:
            forget()

    def generator_if_any(self) -> Generator | None:
        """Return the generator if it was loaded; None where it was not, is about to be, or could not be."""
        with self._building:
            loading = self._generator
        if loading is None or not loading.done() or loading.exception() is not None:
            return None
        return loading.result()

    def generator_fingerprint(self) -> str:
        """Return what tells the generator's weights from others; empty where none is loaded."""
        generator = self.generator_if_any()
        return "" if generator is None else generator.fingerprint

    @property
    def _config(self) -> Config:
        return self.effective.config

    def _runtime_options(self) -> dict[str, Any]:
        settings = self._config.runtime
        told = {"backend_options": dict(settings.backend_options)} if settings.backend_options else {}
        return {"threads": settings.threads, "backend": settings.backend, **told}

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
