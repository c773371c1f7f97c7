"""A knowledge base as a Model Context Protocol server: an assistant on this device searches and asks the manuals.

Tools for what a model calls, a resource for each page so that a client can show what an answer cites. All of them
only read. The protocol is the official SDK's; its tracing is an interface without an exporter and stays one here.
"""
# Annotations are left as objects: the SDK makes the tools' JSON schemas from them.

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote

from pydantic import Field

from ragedge import __version__
from ragedge.datatypes import Answer, SearchResult
from ragedge.errors import RagedgeError

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from ragedge.knowledge_base import KnowledgeBase

T = TypeVar("T")

INSTRUCTIONS = (
    "Manuals that are stored on this device. Use `ask` for a question: its answer quotes the manual and names the "
    "page, or says that the manual does not hold it; do not fill such a gap from general knowledge. Use `search` and "
    "`page` to read on. Repeat safety notices before any instruction they guard."
)
PAGE_URI = "ragedge://page/{page}/{+source}"

Question = Annotated[str, Field(description="In plain words or codes, in the manual's language.")]
Where = Annotated[
    dict[str, str | int | float | bool] | None,
    Field(description="Only documents or sections whose metadata has these values, such as model or year."),
]


def page_uri(source: str, page: int) -> str:
    """Return the resource of a page."""
    return f"ragedge://page/{page}/{quote(source)}"


def build(kb: "KnowledgeBase", *, ready: Callable[[], None] = lambda: None) -> "MCPServer[None]":
    """Return a server over an open knowledge base; its ``run_stdio_async`` serves until standard input ends.

    Args:
        kb: Shared by all calls; close it afterwards.
        ready: Called once the server has taken standard input and output.
    """
    # An exporter that is installed beside ragedge must not wake up in it.
    os.environ["OTEL_SDK_DISABLED"] = "true"
    from anyio import to_thread
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
    from mcp_types import CallToolResult, TextContent, ToolAnnotations

    @asynccontextmanager
    async def lifespan(_server: "MCPServer[None]") -> AsyncIterator[None]:
        ready()
        yield

    # Below WARNING the SDK logs what tools were called with.
    server = MCPServer(
        "ragedge", title="Manuals on this device", version=__version__, instructions=INSTRUCTIONS,
        log_level="WARNING", lifespan=lifespan,
    )  # fmt: skip
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    async def in_thread(call: Callable[[], T]) -> T:
        try:
            # A cancelled call is left to end by itself: nobody waits for it, and it changes nothing.
            return await to_thread.run_sync(call, abandon_on_cancel=True)
        except (RagedgeError, ValueError) as exc:
            raise ToolError(str(exc)) from None

    def result(text: str, value: dict[str, Any]) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=value)

    @server.tool(annotations=reads, title="Search the manuals")
    async def search(
        question: Question,
        top_k: Annotated[int, Field(ge=1, le=50, description="How many passages.")] = 5,
        where: Where = None,
    ) -> CallToolResult:
        """Find the passages of the manuals that bear on a question, best first, each with its page."""
        hits = await in_thread(lambda: kb.search(question, top_k=top_k, where=where))
        return result(_passages(hits), hits.as_dict())

    @server.tool(annotations=reads, title="Ask the manuals")
    async def ask(
        context: Context,
        question: Question,
        where: Where = None,
        session: Annotated[
            str | None, Field(description="A conversation's name: the question may lean on those before it.")
        ] = None,
    ) -> CallToolResult:
        """Answer a question from the manuals, word for word and with the page; safety notices come first.

        Where the manuals do not hold the answer it says so. Sentences are reported as progress while it is written.
        """
        stream = await in_thread(lambda: kb.stream(question, where=where, session=session))
        try:
            sentences = iter(stream)
            number = 0
            while (sentence := await in_thread(lambda: next(sentences, None))) is not None:
                number += 1
                await context.report_progress(number, message=sentence)
            answer = await in_thread(stream.result)
        finally:
            stream.close()  # cancelled: stops at the next token
        return result(_footnoted(answer), answer.as_dict())

    @server.tool(annotations=reads, title="List the manuals")
    async def documents() -> CallToolResult:
        """List the documents with their pages and metadata, which `where` filters by."""
        value = {"documents": await in_thread(lambda: _documents(kb))}
        lines = [
            " ".join((f"{d['source']}: {d['pages']} pages", *(f"{k}={v}" for k, v in d["metadata"].items())))
            for d in value["documents"]
        ]
        return result("\n".join(lines) or "no documents", value)

    @server.tool(annotations=reads, title="Read a page")
    async def page(
        source: Annotated[str, Field(description="A document, as `documents` lists it.")],
        page: Annotated[int, Field(ge=1, description="Counted from 1.")],
    ) -> CallToolResult:
        """Return the whole text of one page."""
        [found] = await in_thread(lambda: kb.inspect(source, page=page))
        value = {key: found[key] for key in ("page", "page_label", "text")}
        return result(value["text"], {"source": source, "uri": page_uri(source, page), **value})

    @server.resource(PAGE_URI, name="page", title="Page of a manual", mime_type="text/plain")
    def page_text(page: int, source: str) -> str:
        """Return the text of one page of a document."""
        try:
            return str(kb.inspect(source, page=page)[0]["text"])
        except RagedgeError as exc:
            raise ResourceNotFoundError(str(exc)) from None

    return server


def _documents(kb: "KnowledgeBase") -> list[dict[str, Any]]:
    return [
        {key: row[key] for key in ("source", "pages", "metadata", "superseded_by")}
        for row in kb.status()["sources"]
    ]


def _passages(hits: SearchResult) -> str:
    """Return passages for a model to read."""
    parts = []
    for hit in hits:
        heading = f" ({' > '.join(hit.heading)})" if hit.heading else ""
        place = f"{hit.source}, page {hit.page}" if hit.page is not None else hit.source
        parts.append(f"[{hit.rank}] {place}{heading}\n{hit.text.strip()}")
    return "\n\n".join([*parts, *hits.notes.values()]) or "nothing found"


def _footnoted(answer: Answer) -> str:
    """Return an answer with its safety notices first and its pages as numbered footnotes."""
    lines = [f"{notice.kind.upper()}: {notice.text}" for notice in answer.safety]
    places = list(dict.fromkeys(map(str, answer.citations)))
    for sentence in answer.sentences:
        numbers = dict.fromkeys(places.index(str(answer.citations[i])) + 1 for i in sentence.citations)
        lines.append(sentence.text + "".join(f" [{number}]" for number in numbers))
    if not answer.sentences:
        lines.append(answer.text)
    return "\n".join([*lines, *(f"[{n}] {place}" for n, place in enumerate(places, 1)), *answer.notes])
