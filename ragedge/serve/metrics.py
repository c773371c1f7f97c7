"""What Prometheus reads: counts and times, never a word of what was asked. One registry for each server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from ragedge import __version__

if TYPE_CHECKING:
    from ragedge.datatypes import Answer, GenerationStats
    from ragedge.serve.queueing import GenerationQueue

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Of one server."""

    def __init__(self, queue: GenerationQueue) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        Gauge("ragedge_info", "Which release runs.", ["version"], registry=registry).labels(__version__).set(
            1
        )
        waiting = Gauge("ragedge_waiting_answers", "Answers that wait for their turn.", registry=registry)
        waiting.set_function(lambda: queue.waiting)
        busy = Gauge("ragedge_generating", "1 while an answer is written.", registry=registry)
        busy.set_function(lambda: int(queue.busy))
        self._requests = Counter(
            "ragedge_requests", "Requests.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "ragedge_request_seconds", "From a request's first byte to its answer's last.", ["route"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._answers = Counter("ragedge_answers", "Grounded answers.", ["method"], registry=registry)
        self._first = Histogram(
            "ragedge_first_text_seconds", "From the question to the first text that stands.",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._tokens = Counter("ragedge_tokens", "Tokens read and written.", ["kind"], registry=registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def answer(self, answer: Answer) -> None:
        """Count a grounded answer."""
        self._answers.labels(answer.method).inc()
        self._first.observe(answer.timings.ttft_ms / 1e3)
        self._count_tokens(
            answer.timings.prompt_tokens, answer.timings.cached_tokens, answer.timings.new_tokens
        )

    def generation(self, stats: GenerationStats) -> None:
        """Count what the plain generator did."""
        self._count_tokens(stats.prompt_tokens, stats.cached_tokens, stats.new_tokens)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def _count_tokens(self, prompt: int, cached: int, new: int) -> None:
        for kind, count in (("prompt", prompt), ("cached", cached), ("new", new)):
            self._tokens.labels(kind).inc(count)
