"""Documents in and out: an upload is taken in from memory, and its file is kept in the knowledge base's folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from starlette.responses import Response, StreamingResponse

from ragedge.errors import SourceError
from ragedge.ingest.applicability import typed
from ragedge.serve.refusals import RefusedError
from ragedge.serve.requests import read_bytes
from ragedge.serve.responses import JsonResponse, event, noted, plain_error

if TYPE_CHECKING:
    from starlette.requests import Request

    from ragedge.changes import Progress
    from ragedge.datatypes import IngestReport
    from ragedge.serve.service import Service

_LONGEST_NAME = 512


async def list_documents(_request: Request, service: Service) -> Response:
    """Return what is in the knowledge base, one entry a document."""

    def sources() -> list[dict[str, Any]]:
        return service.kb.status()["sources"] if service.kb.has_documents else []

    return JsonResponse({"schema": 1, "documents": await service.searches.run(sources)})


async def put_document(request: Request, service: Service) -> Response:
    """Take in the file that is the request's body, under the name in the path; ``?meta=KEY=VALUE`` as often as wanted.

    To a client that accepts ``text/event-stream`` its progress is told. What has begun is finished, also when the
    client goes away.
    """
    source = _name(request.path_params["source"])
    metadata = _metadata(request.query_params.getlist("meta"))
    data = await read_bytes(request, service.limits.max_upload_mb << 20)
    if not data:
        raise SourceError("empty", f"{source!r} is empty")

    def take_in(progress: Progress | None = None) -> IngestReport:
        return service.kb.ingest_upload(source, data, metadata=metadata, progress=progress)

    if "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(_progress(service, take_in), media_type="text/event-stream")
    return JsonResponse(_done(await asyncio.shield(_alone(service, take_in))))


async def remove_document(request: Request, service: Service) -> Response:
    """Remove a document, with its verdicts and what sessions said of it."""
    source = request.path_params["source"]
    removed = await asyncio.shield(_alone(service, lambda: service.kb.remove(source)))
    return JsonResponse({"schema": 1, "removed": removed})


async def _alone(service: Service, work: Callable[[], Any]) -> Any:
    async with service.ingests.held():
        return await to_thread.run_sync(work)


async def _progress(service: Service, take_in: Callable[[Progress], IngestReport]) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[str | None] = asyncio.Queue()

    def progress(stage: str, done: int, total: int | None) -> None:
        told = event({"stage": stage, "done": done, "total": total}, "progress")
        loop.call_soon_threadsafe(events.put_nowait, told)

    async def work() -> None:
        try:
            report = await _alone(service, lambda: take_in(progress))
            events.put_nowait(event(_done(report), "report"))
        except Exception as exc:
            events.put_nowait(event(plain_error(noted(exc)), "error"))
        finally:
            events.put_nowait(None)

    task = asyncio.create_task(work())
    while (told := await events.get()) is not None:
        yield told
    await task


def _done(report: IngestReport) -> dict[str, Any]:
    """Return a report.

    Raises:
        SourceError: the document was not taken in.
    """
    if report.skipped and not report.accepted:
        skipped = report.skipped[0]
        raise SourceError(skipped.code, skipped.reason)
    return report.as_dict()


def _name(source: str) -> str:
    """Return a document's name as it is kept.

    Raises:
        RefusedError: 400: it is no relative POSIX path of printable characters.
    """
    parts = PurePosixPath(source).parts
    fits = 0 < len(source) <= _LONGEST_NAME and source.isprintable() and "\\" not in source
    if not fits or source != "/".join(parts) or any(part in ("..", ".", "/") for part in parts):
        raise RefusedError(
            400, f"a document's name is a relative path of at most {_LONGEST_NAME} printable characters",
            code="invalid_value", param="source",
        )  # fmt: skip
    return source


def _metadata(pairs: list[str]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise RefusedError(400, "meta is KEY=VALUE", code="invalid_value", param="meta")
        found[key.strip()] = typed(value.strip())
    return found
