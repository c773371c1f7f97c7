"""A generation under way in a thread, read from the event loop.

It runs at its own speed: a client that reads slowly keeps what it has not read yet waiting, not the next client. One
that goes away closes the job, and the thread stops at the next token.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar, cast

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Closable(Protocol[T_co]):
    """What a job iterates: ``AnswerStream``, or a ``Generation``."""

    def __iter__(self) -> Iterator[T_co]: ...

    def close(self) -> None:
        """Stop it; may be called from any thread."""


_SEND_S = 0.25  # longest wait for the first item to be sent

_BEGUN, _ENDED = object(), object()


class Job(Generic[T]):
    """One generation. Make it with ``begin``; iterate it; ``close`` it in any case.

    Attributes:
        timed_out: It was stopped because it took too long.
        last: What it handed out last.
    """

    def __init__(self, make: Callable[[], Closable[T]], done: Callable[[Job[T]], None]) -> None:
        self.timed_out = False
        self.last: T | None = None
        self._make = make
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[object] = asyncio.Queue()
        self._work: Closable[T] | None = None
        self._read_on = threading.Event()
        self._stopped = False
        self._deadline: asyncio.TimerHandle | None = None

    @classmethod
    async def begin(
        cls,
        pool: ThreadPoolExecutor,
        make: Callable[[], Closable[T]],
        done: Callable[[Job[T]], None],
        limit_s: float,
    ) -> Job[T]:
        """Start a generation and wait until it has begun.

        Args:
            pool: Its one thread.
            make: Begins the generation; called in the thread, with the caller's context variables.
            done: Called with the job in the event loop, when the thread has ended with it.
            limit_s: It is stopped after that.

        Raises:
            Exception: whatever ``make`` raises.
        """
        job = cls(make, done)
        pool.submit(contextvars.copy_context().run, job._run)
        try:
            event = await job._events.get()
        except asyncio.CancelledError:
            job.stop()
            raise
        if event is not _BEGUN:
            raise cast(Exception, event)
        job._deadline = job._loop.call_later(limit_s, job._time_out)
        return job

    async def __aiter__(self) -> AsyncIterator[T]:
        while (event := await self._events.get()) is not _ENDED:
            if isinstance(event, Exception):
                raise event
            yield cast(T, event)
            self._read_on.set()

    def stop(self) -> None:
        """Stop the thread at its next token, without waiting for it."""
        self._stopped = True
        work = self._work
        if work is not None:
            # It returns once the step under way has ended: not to be waited for in the event loop.
            self._loop.run_in_executor(None, work.close)

    def _time_out(self) -> None:
        self.timed_out = True
        self.stop()

    def _run(self) -> None:
        try:
            if self._stopped:
                return
            self._work = work = self._make()
            try:
                if self._stopped:  # meanwhile: what is closed ends by itself, and still says how it ended
                    work.close()
                self._tell(_BEGUN)
                for item in work:
                    first, self.last = self.last is None, item
                    self._tell(item)
                    if first:
                        # The model's next step takes the processor: the first text would go out after it.
                        self._read_on.wait(_SEND_S)
            finally:
                self._work = None
                work.close()
        except Exception as exc:
            self._tell(exc)
        finally:
            self._tell(_ENDED)
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._done(self)

    def _tell(self, event: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the server is gone
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)
