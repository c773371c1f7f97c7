"""Time to the first text over HTTP against the same in process, in one run.

    PYTHONPATH=. python benchmarks/serve_ttft.py --kb KB --questions QA.jsonl

For each question, in turn and in changing order: `KnowledgeBase.stream` here, and the same over a server in a process
of its own, on loopback; for the grounded model to its first verified sentence, for the plain generator to its first
piece of text. Both sides know the same of the texts before. Medians, and the median of the paired ratios: at most 1.1
is wanted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
from serve_process import ServerProcess

import ragedge
from ragedge.datatypes import GenerationOptions, Message


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kb", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True, help="JSON lines with `question`")
    parser.add_argument("--count", type=int, default=40)
    args = parser.parse_args()
    lines = args.questions.read_text(encoding="utf-8").splitlines()[: args.count]
    questions = [json.loads(line)["question"] for line in lines]
    with tempfile.TemporaryDirectory() as work, ragedge.open(args.kb) as kb:
        kb.warm_up()
        server = ServerProcess(args.kb, Path(work) / "log")
        generator = kb.generator()
        assert generator is not None
        try:
            with httpx.Client(base_url=server.url, timeout=300) as client:
                kinds: dict[str, tuple[Callable[[str], float], Callable[[str], float]]] = {
                    "grounded": (
                        lambda question: first_of(lambda: kb.stream(question)),
                        lambda question: first_event(
                            client, "/ragedge/v1/ask", {"question": question, "stream": True}
                        ),
                    ),
                    "plain": (
                        lambda question: first_of(
                            lambda: generator.generate(
                                [Message("user", question)], GenerationOptions(max_new_tokens=4)
                            )
                        ),
                        lambda question: first_event(
                            client, "/v1/chat/completions",
                            {
                                "model": generator.name, "stream": True, "max_tokens": 4,
                                "messages": [{"role": "user", "content": question}],
                            },
                        ),
                    ),
                }  # fmt: skip
                found = {name: compare(*sides, questions) for name, sides in kinds.items()}
        finally:
            server.process.terminate()
            server.process.wait(60)
    print(json.dumps(found, indent=2))


def compare(
    here: Callable[[str], float], there: Callable[[str], float], questions: list[str]
) -> dict[str, float]:
    for side in (here, there):
        side(questions[0])
    rows = []
    for number, question in enumerate(questions):
        order = (here, there) if number % 2 else (there, here)
        times = {side: side(question) for side in order}
        rows.append((times[here], times[there]))
    return {
        "questions": len(rows),
        "in_process_ms": round(1e3 * statistics.median(a for a, _ in rows), 2),
        "over_http_ms": round(1e3 * statistics.median(b for _, b in rows), 2),
        "added_ms": round(1e3 * statistics.median(b - a for a, b in rows), 2),
        "ratio": round(statistics.median(b / a for a, b in rows), 3),
    }


def first_of(begin: Callable[[], Iterable[str]]) -> float:
    """Return the seconds to the first piece, search included; the rest is read, so that both sides know the same."""
    started = time.perf_counter()
    first = None
    for _ in begin():
        first = first or time.perf_counter()
    return (first or time.perf_counter()) - started


def first_event(client: httpx.Client, path: str, sent: dict) -> float:
    """Return the seconds to the first event that holds text, or the answer where nothing was said."""
    started = time.perf_counter()
    first = None
    with client.stream("POST", path, json=sent) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if first is None and line.startswith("data: ") and '"role":"assistant","content":""' not in line:
                first = time.perf_counter()
    return (first or time.perf_counter()) - started


if __name__ == "__main__":
    main()
