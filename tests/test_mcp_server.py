"""``ragedge mcp`` as the official SDK's own client sees it, over standard input and output."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client

import ragedge

MANUAL = """# Kettle K2

The kettle holds 1.7 litres.

## Descaling

WARNING: Unplug the kettle before descaling. Descale it every 30 days with 50 ml of vinegar.
"""

SOURCE = "kitchen/kettle k2.md"
Visit = Callable[[Client], Awaitable[Any]]


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory, minilm_dir: Path, smollm2_dir: Path) -> Path:
    work = tmp_path_factory.mktemp("mcp")
    (work / "manuals" / "kitchen").mkdir(parents=True)
    (work / "manuals" / SOURCE).write_text(MANUAL, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(minilm_dir.parent.parent))
        with ragedge.open(work / "kb", create=True) as made:
            made.ingest(work / "manuals", metadata={"model": "K2"})
    return work / "kb"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, isolated_environment: Path, minilm_dir: Path) -> None:
    monkeypatch.setenv("RAGEDGE_HOME", str(minilm_dir.parent.parent))


def visit(kb: Path, body: Visit, *, generator: str = "none", **options: Any) -> None:
    arguments = ["-m", "ragedge", "mcp", "--kb", str(kb), "--set", f"generate.generator={generator}"]

    async def run() -> None:
        server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))
        async with Client(stdio_client(server), **options) as client:
            await body(client)

    anyio.run(run)


def text_of(result: Any) -> str:
    assert not result.is_error, result.content
    return str(result.content[0].text)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_answers(kb: Path, mode: str) -> None:
    async def body(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"search", "ask", "documents", "page"}
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools.values())
        assert set(tools["ask"].input_schema["properties"]) == {"question", "where", "session"}

        found = await client.call_tool("documents", {})
        assert found.structured_content["documents"][0]["metadata"]["model"] == "K2"
        assert found.structured_content["documents"][0]["source"] == SOURCE

        hits = await client.call_tool("search", {"question": "descale vinegar", "top_k": 1})
        assert "50 ml of vinegar" in text_of(hits)
        assert hits.structured_content["hits"][0]["source"] == SOURCE

        answer = await client.call_tool("ask", {"question": "How often is the kettle descaled?"})
        assert "30 days" in text_of(answer)
        assert f"[1] {SOURCE}" in text_of(answer)
        assert answer.structured_content["grounded"]

        page = await client.call_tool("page", {"source": SOURCE, "page": 1})
        assert "1.7 litres" in text_of(page)
        resource = await client.read_resource(page.structured_content["uri"])
        assert resource.contents[0].text == page.structured_content["text"]

    visit(kb, body, mode=mode)


def test_answers_come_sentence_by_sentence_in_a_session_and_side_by_side(kb: Path) -> None:
    heard: list[str] = []
    answers: dict[str, Any] = {}

    async def listen(_progress: float, _total: float | None, message: str | None) -> None:
        heard.append(message or "")

    async def body(client: Client) -> None:
        async def one(question: str, **options: Any) -> None:
            arguments = {"question": question, **options}
            answers[question] = await client.call_tool(
                "ask", arguments, progress_callback=listen if options else None
            )

        async with anyio.create_task_group() as group:
            group.start_soon(one, "How much does the kettle hold?")
            group.start_soon(functools.partial(one, "How often is the kettle descaled?", session="kitchen"))
            group.start_soon(one, "What is the capital of Mongolia?")

    visit(kb, body, generator="onnx")
    amount, often, capital = (answers[question] for question in sorted(answers))
    assert "1.7 litres" in text_of(amount)
    assert "30 days" in text_of(often)
    assert heard == [sentence["text"] for sentence in often.structured_content["sentences"]]
    assert capital.structured_content["abstained"]
    assert not capital.is_error
    with ragedge.open(kb) as opened:
        assert len(opened.conversations.turns("kitchen")) == 1


def test_wrong_calls_say_what_is_allowed_and_the_server_goes_on(kb: Path) -> None:
    async def body(client: Client) -> None:
        refused = {
            "no question": await client.call_tool("ask", {"question": " "}),
            "no such page": await client.call_tool("page", {"source": SOURCE, "page": 9}),
            "no such source": await client.call_tool("page", {"source": "../../etc/passwd", "page": 1}),
            "wrong type": await client.call_tool("search", {"question": "kettle", "top_k": 0}),
            "no such session": await client.call_tool("ask", {"question": "How?", "session": "../x"}),
        }
        assert all(result.is_error for result in refused.values()), refused
        assert "pages 1 to 1" in refused["no such page"].content[0].text
        for uri in (
            "ragedge://page/7/kitchen/kettle%20k2.md",
            "ragedge://page/1/..%2Fx",
            "file:///etc/passwd",
        ):
            with pytest.raises(MCPError):
                await client.read_resource(uri)
        assert "1.7" in text_of(await client.call_tool("ask", {"question": "How much does the kettle hold?"}))

    visit(kb, body)


def test_standard_output_is_the_protocol_alone_and_the_log_holds_no_question(kb: Path) -> None:
    calls = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
        '"clientInfo":{"name":"t","version":"1"}}}\n'
        '{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
        '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"page","arguments":'
        '{"source":"canary-source","page":1}}}\n'
        "not json\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "ragedge", "mcp", "--kb", str(kb)],
        input=calls, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(line.startswith('{"jsonrpc"') for line in done.stdout.splitlines())
    assert "canary" not in done.stderr


def test_a_knowledge_base_that_is_not_there_ends_the_command(
    tmp_path: Path, isolated_environment: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ragedge", "mcp", "--kb", str(tmp_path / "none")],
        input="", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("ragedge: ")
