"""Many clients at one server: what is refused, how long searches take, memory, and a stop in the middle.

    PYTHONPATH=. python benchmarks/serve_load.py --kb KB --questions QA.jsonl --seconds 300

Of 32 clients by default, a quarter asks (grounded, streamed), an eighth chats with the plain generator, an eighth sends
verdicts, and the others search, each with a pause between its requests. 429 is an answer, anything else that is not
2xx an error. At the end the server is told to stop while all of them are at it: every verdict that was acknowledged
has to be there afterwards, every stream that had begun has to have ended with its answer, and the rows have to be as
they were written. Works on a copy of KB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from serve_process import ServerProcess

import ragedge
from ragedge.serve.served_models import GROUNDED


@dataclass
class Seen:
    """What the clients saw, and what they all ask for."""

    generator: str
    source: str
    statuses: dict[str, Counter[str]] = field(default_factory=dict)
    search_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    verdicts: set[str] = field(default_factory=set)
    cut_short: int = 0
    stopping: bool = False

    def note(self, kind: str, status: int | str) -> None:
        self.statuses.setdefault(kind, Counter())[str(status)] += 1


async def search(seen: Seen, client: httpx.AsyncClient, question: str, _number: int) -> None:
    started = time.perf_counter()
    answer = await client.post("/ragedge/v1/search", json={"question": question})
    if answer.status_code == 200:
        seen.search_ms.append(1e3 * (time.perf_counter() - started))
    seen.note("search", answer.status_code)


async def ask(seen: Seen, client: httpx.AsyncClient, question: str, _number: int) -> None:
    started = time.perf_counter()
    first, ended = None, False
    async with client.stream(
        "POST", "/ragedge/v1/ask", json={"question": question, "stream": True}
    ) as answer:
        if answer.status_code == 200:
            try:
                async for line in answer.aiter_lines():
                    first = first or time.perf_counter()
                    ended = ended or line == "event: answer"
            finally:
                seen.cut_short += not ended
            seen.first_ms.append(1e3 * ((first or started) - started))
        seen.note("ask", answer.status_code)


async def chat(seen: Seen, client: httpx.AsyncClient, question: str, number: int) -> None:
    # Every other one asks for the grounded model, as Open WebUI does.
    model = GROUNDED if number % 2 else seen.generator
    sent = {"model": model, "messages": [{"role": "user", "content": question}], "max_tokens": 48}
    answer = await client.post("/v1/chat/completions", json=sent)
    seen.note("chat", answer.status_code)


async def verdict(seen: Seen, client: httpx.AsyncClient, question: str, number: int) -> None:
    words = f"{question} {number}"
    sent = {"question": words, "source": seen.source, "right": True}
    answer = await client.post("/ragedge/v1/feedback", json=sent)
    if answer.status_code == 201:
        seen.verdicts.add(words)
    seen.note("verdict", answer.status_code)


async def client_of(
    turn: Callable[..., Awaitable[None]],
    seen: Seen,
    url: str,
    questions: list[str],
    number: int,
    pause_s: float,
) -> None:
    sent = number
    async with httpx.AsyncClient(base_url=url, timeout=300) as client:
        while not seen.stopping:
            try:
                await turn(seen, client, questions[sent % len(questions)], sent)
            except httpx.TransportError as exc:
                # Once it is told to stop, new connections are refused: that is no loss.
                if not seen.stopping:
                    seen.note(turn.__name__, type(exc).__name__)
            sent += 32
            await asyncio.sleep(pause_s)


async def load(
    server: ServerProcess, seen: Seen, args: argparse.Namespace, questions: list[str]
) -> list[float]:
    kinds = [ask, ask, chat, verdict, search, search, search, search]
    memory: list[float] = []
    tasks = [
        asyncio.create_task(client_of(kinds[n % len(kinds)], seen, server.url, questions, n, args.pause_s))
        for n in range(args.clients)
    ]
    end = time.monotonic() + args.seconds
    while time.monotonic() < end:
        await asyncio.sleep(min(5.0, args.seconds / 10))
        memory.append(server.resident_mb())
    seen.stopping = True
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*tasks)
    return memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kb", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True, help="JSON lines with `question`")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--pause-s", type=float, default=0.5, help="between two requests of a client")
    args = parser.parse_args()
    questions = [
        json.loads(line)["question"] for line in args.questions.read_text(encoding="utf-8").splitlines()
    ]
    with tempfile.TemporaryDirectory() as work:
        kb = Path(work) / "kb"
        shutil.copytree(args.kb, kb)
        with ragedge.open(kb) as opened:
            seen = Seen(opened.config.generate.model, opened.status()["sources"][0]["source"])
        server = ServerProcess(kb, Path(work) / "log")
        memory = asyncio.run(load(server, seen, args, questions))
        told_to_stop = time.monotonic()
        status = server.process.wait(120)
        with ragedge.open(kb) as opened:
            kept = {item.question for item in opened.store.learned.feedback()}
            rows = opened.verify_rows()
    third = max(1, len(memory) // 3)
    errors = {
        kind: {code: count for code, count in found.items() if not code.startswith("2") and code != "429"}
        for kind, found in seen.statuses.items()
    }
    print(
        json.dumps(
            {
                "clients": args.clients,
                "seconds": args.seconds,
                "requests": {kind: dict(found) for kind, found in seen.statuses.items()},
                "errors": sum(sum(found.values()) for found in errors.values()),
                "search_ms": quantiles(seen.search_ms),
                "first_sentence_ms": quantiles(seen.first_ms),
                "resident_mb": {
                    "first_third": round(statistics.median(memory[:third]), 1),
                    "last_third": round(statistics.median(memory[-third:]), 1),
                    "peak": round(max(memory), 1),
                },
                "after_sigterm": {
                    "exit": status,
                    "seconds": round(time.monotonic() - told_to_stop, 1),
                    "streams_cut_short": seen.cut_short,
                    "verdicts_acknowledged": len(seen.verdicts),
                    "verdicts_lost": len(seen.verdicts - kept),
                    "rows": rows,
                },
            },
            indent=2,
        )
    )


def quantiles(times: list[float]) -> dict[str, float]:
    if len(times) < 2:
        return {"count": len(times)}
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    return {
        "count": len(times),
        "p50": round(cuts[9], 1),
        "p95": round(cuts[18], 1),
        "max": round(max(times), 1),
    }


if __name__ == "__main__":
    main()
