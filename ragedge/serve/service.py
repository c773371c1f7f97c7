"""What all routes share: the knowledge base, who may work now, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from ragedge.datatypes import Answer
from ragedge.serve.chat import Done
from ragedge.serve.jobs import Closable, Job
from ragedge.serve.metrics import Metrics
from ragedge.serve.queueing import GenerationQueue, IngestLock, SearchPool
from ragedge.serve.served_models import ServedModels

if TYPE_CHECKING:
    from ragedge.config import ServeConfig
    from ragedge.knowledge_base import KnowledgeBase

T = TypeVar("T")


class Service:
    """Of one server.

    Attributes:
        kb: What is served.
        limits: How much is taken on.
        queue: One generation at a time.
        searches: Blocking calls that run beside it.
        ingests: One change to the documents at a time.
        metrics: What is counted.
        models: The names that it answers to.
        stopping: Set once the server was told to stop; what is under way is finished.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        self.kb = kb
        self.limits: ServeConfig = kb.config.serve
        self.queue = GenerationQueue(self.limits.queue, self.limits.wait_s)
        self.searches = SearchPool(self.limits.searches, self.limits.search_queue)
        self.ingests = IngestLock()
        self.metrics = Metrics(self.queue)
        self.models = ServedModels(kb)
        self.stopping = asyncio.Event()
        # One thread, so that no two generations ever meet in the decoder.
        self._generating = ThreadPoolExecutor(1, thread_name_prefix="ragedge-generate")
        self._closing: list[Callable[[], None]] = []

    def on_close(self, end: Callable[[], None]) -> None:
        """Have something ended with the server."""
        self._closing.append(end)

    async def begin(self, make: Callable[[], Closable[T]]) -> Job[T]:
        """Wait for the turn, then begin a generation; it gives the turn back when it ends.

        Raises:
            RefusedError: too many wait, or it took too long.
            RagedgeError: whatever ``make`` raises.
        """
        turn = await self.queue.enter()

        def ended(job: Job[T]) -> None:
            turn.give_back()
            self._count(job.last)

        return await Job.begin(self._generating, make, ended, self.limits.answer_s)

    def _count(self, last: object) -> None:
        """Count what came of a generation, one that was stopped included."""
        if isinstance(last, Answer):
            self.metrics.answer(last)
        elif isinstance(last, Done) and last.answer is not None:
            self.metrics.answer(last.answer)
        elif isinstance(last, Done):
            self.metrics.generation(last.stats)

    def close(self) -> None:
        """Wait for the generation under way, and take no more."""
        self._generating.shutdown(wait=True, cancel_futures=True)
        for end in self._closing:
            end()
