"""Who may work now: one answer at a time and a bounded queue behind it; searches beside it, bounded too."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from ragedge.serve.refusals import RefusedError

T = TypeVar("T")

_RECENT = 0.3  # weight of the last answer in the mean of what one takes


class Turn:
    """Leave to generate; given back once, from the event loop."""

    def __init__(self, done: Callable[[float], None]) -> None:
        self._done: Callable[[float], None] | None = done
        self._began = time.monotonic()

    def give_back(self) -> None:
        """Let the next one in; again does nothing."""
        done, self._done = self._done, None
        if done is not None:
            done(time.monotonic() - self._began)


class GenerationQueue:
    """One generation at a time, the others in the order they came.

    Attributes:
        waiting: How many wait now.
    """

    def __init__(self, longest: int, wait_s: float) -> None:
        """Make an empty one.

        Args:
            longest: Most that wait; further ones are refused.
            wait_s: Longest wait; who waited longer is refused.
        """
        self.waiting = 0
        self._longest = longest
        self._wait_s = wait_s
        self._lock = asyncio.Lock()  # first come, first served
        self._mean_s = 1.0

    @property
    def busy(self) -> bool:
        """Whether somebody generates."""
        return self._lock.locked()

    async def enter(self) -> Turn:
        """Wait for the turn.

        Raises:
            RefusedError: 429: too many wait, or it took too long.
        """
        if self._lock.locked() and self.waiting >= self._longest:
            raise self._full(f"{self.waiting} answers wait already")
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                await self._lock.acquire()
        except TimeoutError:
            raise self._full(f"it was not its turn within {self._wait_s:g} s") from None
        finally:
            self.waiting -= 1
        return Turn(self._leave)

    def _leave(self, took_s: float) -> None:
        self._mean_s += _RECENT * (took_s - self._mean_s)
        self._lock.release()

    def _full(self, why: str) -> RefusedError:
        wait = max(1, math.ceil(self._mean_s * (self.waiting + 1)))
        return RefusedError(
            429, f"the device is busy: {why}", hint=f"try again in {wait} s", code="busy", retry_after_s=wait
        )


class SearchPool:
    """A bounded number of blocking calls at a time, in threads, and a bounded queue behind them."""

    def __init__(self, at_once: int, longest: int) -> None:
        self._limiter = CapacityLimiter(at_once)
        self._longest = longest

    async def run(self, call: Callable[[], T]) -> T:
        """Run a call in a thread and return what it returns.

        Raises:
            RefusedError: 429: too many wait.
        """
        if self._limiter.statistics().tasks_waiting >= self._longest:
            raise RefusedError(
                429, "the device is busy: too many searches wait", hint="try again in 1 s",
                code="busy", retry_after_s=1,
            )  # fmt: skip
        return await to_thread.run_sync(call, limiter=self._limiter)


class IngestLock:
    """One change to the documents at a time; a second one is refused rather than left waiting."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold it.

        Raises:
            RefusedError: 429: another change is under way.
        """
        if self._lock.locked():
            raise RefusedError(
                429,
                "another document is being taken in",
                hint="try again in 5 s",
                code="busy",
                retry_after_s=5,
            )
        async with self._lock:
            yield
