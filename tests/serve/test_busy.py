"""More than a device can do at a time: one answer, a bounded queue, and what a stop leaves undone: nothing."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from running_server import GENERATOR, QUESTION, start, user
from test_openai_client import ENDLESS

from ragedge.serve.jobs import Job
from ragedge.serve.queueing import GenerationQueue, IngestLock, SearchPool
from ragedge.serve.refusals import RefusedError

LONG = {
    "model": GENERATOR,
    "messages": user("List parts."),
    "response_format": {"type": "json_schema", "json_schema": {"name": "parts", "schema": ENDLESS}},
}


class Endless:
    """Writes until it is closed."""

    def __init__(self):
        self.closed = threading.Event()

    def __iter__(self):
        yield "first"
        self.closed.wait(60)
        yield "how it ended"

    def close(self):
        self.closed.set()


async def begun(work, pool, ended, limit_s=60.0):
    return await Job.begin(pool, lambda: work, ended.append, limit_s)


def test_the_queue_is_first_come_first_served_and_bounded():
    async def scenario():
        queue = GenerationQueue(2, 60)
        first = await queue.enter()
        order = []

        async def wait(name):
            turn = await queue.enter()
            order.append(name)
            turn.give_back()

        waiting = [asyncio.create_task(wait(name)) for name in "ab"]
        await asyncio.sleep(0)
        assert queue.waiting == 2 and queue.busy
        with pytest.raises(RefusedError) as refused:
            await queue.enter()
        assert refused.value.status == 429 and refused.value.retry_after_s >= 1
        first.give_back()
        first.give_back()  # twice does no harm
        await asyncio.gather(*waiting)
        assert order == ["a", "b"] and not queue.busy and queue.waiting == 0

    asyncio.run(scenario())


def test_who_leaves_the_queue_does_not_hold_it_up():
    async def scenario():
        queue = GenerationQueue(2, 60)
        first = await queue.enter()
        gone, stays = (asyncio.create_task(queue.enter()) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        first.give_back()
        (await stays).give_back()
        assert queue.waiting == 0 and not queue.busy

    asyncio.run(scenario())


def test_who_waits_too_long_is_told():
    async def scenario():
        queue = GenerationQueue(1, 0.01)
        await queue.enter()
        with pytest.raises(RefusedError) as refused:
            await queue.enter()
        assert refused.value.status == 429

    asyncio.run(scenario())


def test_searches_are_bounded():
    async def scenario():
        pool, go = SearchPool(1, 1), threading.Event()
        running = asyncio.create_task(pool.run(go.wait))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(pool.run(lambda: 2))
        await asyncio.sleep(0.05)
        with pytest.raises(RefusedError) as refused:
            await pool.run(lambda: 3)
        assert refused.value.status == 429
        go.set()
        assert await waiting == 2 and await running

    asyncio.run(scenario())


def test_a_second_ingest_is_refused():
    async def scenario():
        lock = IngestLock()
        async with lock.held():
            with pytest.raises(RefusedError) as refused:
                async with lock.held():
                    pass
        assert refused.value.status == 429
        async with lock.held():
            pass

    asyncio.run(scenario())


@pytest.mark.parametrize("limit_s", [60.0, 0.01])
def test_a_stopped_job_ends_and_says_how(limit_s):
    async def scenario():
        ended = []
        with ThreadPoolExecutor(1) as pool:
            job = await begun(Endless(), pool, ended, limit_s)
            items = []
            async for item in job:
                items.append(item)
                if limit_s == 60.0:
                    job.stop()
            while not ended:  # told by the thread, after the last item
                await asyncio.sleep(0.01)
        assert items == ["first", "how it ended"] and ended == [job] and job.last == "how it ended"
        assert job.timed_out == (limit_s != 60.0)

    asyncio.run(scenario())


def test_a_job_whose_client_left_before_it_began_is_closed():
    async def scenario():
        ended, work, slow = [], Endless(), threading.Event()

        def make():
            slow.wait(60)
            return work

        with ThreadPoolExecutor(1) as pool:
            beginning = asyncio.create_task(Job.begin(pool, make, ended.append, 60))
            await asyncio.sleep(0.05)
            beginning.cancel()
            with pytest.raises(asyncio.CancelledError):
                await beginning
            slow.set()
            while not ended:
                await asyncio.sleep(0.01)
        assert work.closed.is_set()

    asyncio.run(scenario())


def test_what_cannot_begin_gives_its_turn_back():
    async def scenario():
        ended = []

        def make():
            raise ValueError("no")

        with ThreadPoolExecutor(1) as pool:
            with pytest.raises(ValueError, match="no"):
                await Job.begin(pool, make, ended.append, 60)
            while not ended:
                await asyncio.sleep(0.01)

    asyncio.run(scenario())


@pytest.fixture(scope="module")
def small(manual_kb, shared_home, tmp_path_factory):
    """Return a server that lets nobody wait."""
    server = start(manual_kb, shared_home, tmp_path_factory.mktemp("small"), "--set", "serve.queue=0")
    yield server
    server.process.kill()
    server.stop()


def test_busy_is_429_in_every_dialect_while_searches_go_on(small):
    with (
        small.client() as client,
        client.stream("POST", "/v1/chat/completions", json=LONG | {"stream": True}) as stream,
    ):
        next(stream.iter_lines())
        with small.client() as other:
            for path, sent in (
                ("/v1/chat/completions", {"model": "ragedge", "messages": user(QUESTION)}),
                ("/api/chat", {"model": "ragedge", "messages": user(QUESTION)}),
                ("/ragedge/v1/ask", {"question": QUESTION}),
            ):
                refused = other.post(path, json=sent)
                assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
                assert "busy" in str(refused.json()["error"])
            assert other.post("/ragedge/v1/search", json={"question": QUESTION}).json()["hits"]
            assert other.get("/ragedge/v1/health").json()["generating"] is True


@pytest.mark.slow
def test_an_answer_that_takes_too_long_is_cut_off(manual_kb, shared_home, tmp_path):
    server = start(manual_kb, shared_home, tmp_path, "--set", "serve.answer_s=0.3")
    with server.client() as client:
        done = client.post("/v1/chat/completions", json=LONG).json()
    assert done["choices"][0]["finish_reason"] == "length" and done["usage"]["completion_tokens"] < 500
    assert server.stop() == 0


def test_told_to_stop_it_finishes_what_is_under_way(manual_kb, shared_home, tmp_path):
    server = start(manual_kb, shared_home, tmp_path)
    sent = {"question": QUESTION, "stream": True}
    with server.client() as client, ThreadPoolExecutor(3) as pool:

        def ask():
            with server.client() as own:
                return own.post("/ragedge/v1/ask", json=sent)

        asked = [pool.submit(ask) for _ in range(3)]  # one is answered, two wait
        while True:
            health = client.get("/ragedge/v1/health").json()
            if health["waiting"] == 2 or all(one.done() for one in asked):
                break
        server.process.send_signal(signal.SIGTERM)
        answers = [one.result() for one in asked]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all("event: answer" in answer.text for answer in answers)
    assert server.stop() == 0


@pytest.mark.slow
def test_told_to_stop_it_keeps_what_it_was_told(shared_home, tmp_path):
    server = start(tmp_path / "kb", shared_home, tmp_path, "--create")

    def half_before_the_signal():
        yield b"# Pump\n\n"
        with server.client() as other:
            other.get("/ragedge/v1/health")  # it has the connection with the first half by now
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        yield "The drain plug torque is 35 N·m.\n".encode()

    with server.client() as client:
        answer = client.put("/ragedge/v1/documents/pump.md", content=half_before_the_signal())
    assert answer.json()["added"] == ["pump.md"]
    assert server.stop() == 0
    again = start(tmp_path / "kb", shared_home, tmp_path)
    with again.client() as client:
        assert [d["source"] for d in client.get("/ragedge/v1/documents").json()["documents"]] == ["pump.md"]
    assert again.stop() == 0
