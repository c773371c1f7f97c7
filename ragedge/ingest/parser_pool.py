"""Several parser processes side by side; files are handed out in the order they come in."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from ragedge.ingest.parser_process import ParsedDocument, Parser


class ParserPool:
    """Parses up to ``workers`` files at a time; use as a context manager, or ``close`` it.

    Args:
        make: Makes one parser; called at most ``workers`` times, when there is work for one more.
        workers: How many.
    """

    def __init__(self, make: Callable[[], Parser], workers: int = 1) -> None:
        self._make = make
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="ragedge-parser")
        self._parsers: list[Parser] = []
        self._idle: queue.SimpleQueue[Parser] = queue.SimpleQueue()

    def __enter__(self) -> ParserPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def parse(self, source: str, data: bytes) -> Future[ParsedDocument]:
        """Parse a file in the background; see ``Parser.parse`` for what its result raises."""
        return self._threads.submit(self._parse, source, data)

    def close(self) -> None:
        """End the workers, those that are at work too; files that wait are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for parser in self._parsers:
            parser.close()
        self._threads.shutdown(wait=True)
        for parser in self._parsers:  # one may have begun another file in between
            parser.close()

    def _parse(self, source: str, data: bytes) -> ParsedDocument:
        try:
            parser = self._idle.get_nowait()
        except queue.Empty:
            parser = self._make()
            self._parsers.append(parser)
        try:
            return parser.parse(source, data)
        finally:
            self._idle.put(parser)
