"""``/ragedge/v1``: what only this server has. Its JSON is that of the command line's ``--json``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ragedge import __version__
from ragedge.datatypes import Answer
from ragedge.errors import KnowledgeBaseNotFoundError, SourceError
from ragedge.question_text import LONGEST_QUESTION, checked_name, clean_question
from ragedge.serve import metrics
from ragedge.serve.grounded import GroundedWork, Said
from ragedge.serve.refusals import RefusedError
from ragedge.serve.requests import read_json, unless_gone
from ragedge.serve.responses import JobResponse, JsonResponse, event, noted, plain_error, route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from ragedge.serve.jobs import Job
    from ragedge.serve.service import Service

PREFIX = "/ragedge/v1"
Value = str | int | float | bool
Question = Annotated[
    str, Field(min_length=1, max_length=LONGEST_QUESTION, description="In plain words or codes.")
]
Where = Annotated[
    dict[str, Value] | list[str],
    Field(description="Metadata filters: a mapping, or `key=value` (also `>=`, `<=`)."),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SearchRequest(_Strict):
    """What `search` is asked."""

    question: Question
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    where: Where | None = None


class AskRequest(_Strict):
    """What `ask` is asked."""

    question: Question
    where: Where | None = None
    max_new_tokens: Annotated[int, Field(ge=1, le=4096)] | None = None
    budget_ms: (
        Annotated[float, Field(ge=1, le=3.6e6, description="Quote instead of generating once it is spent.")]
        | None
    ) = None
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] | None = None
    session: (
        Annotated[
            str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="A conversation, by name.")
        ]
        | None
    ) = None
    stream: Annotated[bool, Field(description="Send sentences as server-sent events.")] = False


class FeedbackRequest(_Strict):
    """A verdict on a page."""

    question: Question
    source: Annotated[str, Field(min_length=1, max_length=1024)]
    page: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
    right: bool


async def health(_request: Request, service: Service) -> Response:
    """Say whether it can answer."""
    store = service.kb.store if service.kb.has_documents else None
    return JsonResponse(
        {
            "schema": 1,
            "status": "stopping" if service.stopping.is_set() else "ok",
            "version": __version__,
            "documents": store.counts().documents if store is not None else 0,
            "generating": service.queue.busy,
            "waiting": service.queue.waiting,
        }
    )


async def search(request: Request, service: Service) -> Response:
    """Find passages."""
    body = await read_json(request, SearchRequest, service.limits.max_body_kb)
    work = service.searches.run(lambda: service.kb.search(body.question, top_k=body.top_k, where=body.where))
    return JsonResponse((await unless_gone(request, work)).as_dict())


async def ask(request: Request, service: Service) -> Response:
    """Answer a question, whole or sentence by sentence."""
    body = await read_json(request, AskRequest, service.limits.max_body_kb)
    clean_question(body.question)  # before it waits for its turn
    options = body.model_dump(exclude={"question", "stream"})
    job = await unless_gone(
        request, service.begin(lambda: GroundedWork(service.kb.stream(body.question, **options)))
    )
    if body.stream:
        return JobResponse(job, _events(job), "text/event-stream")
    return JsonResponse((await unless_gone(request, _whole(job))).as_dict())


async def _whole(job: Job[Said | Answer]) -> Answer:
    """Return the answer of a job, once it is there; whoever does not wait for it stops it."""
    try:
        async for item in job:
            if isinstance(item, Answer):
                return item
    finally:
        job.stop()
    raise RefusedError(503, "the server stops", retry_after_s=5)


async def _events(job: Job[Said | Answer]) -> AsyncIterator[str]:
    try:
        async for item in job:
            if isinstance(item, Answer):
                yield event(item.as_dict(), "answer")
            else:
                yield event(item.as_dict(), "sentence")
    except Exception as exc:
        yield event(plain_error(noted(exc)), "error")


async def status(_request: Request, service: Service) -> Response:
    """Say what is in the knowledge base, and every setting."""
    return JsonResponse(await service.searches.run(service.kb.status))


async def add_feedback(request: Request, service: Service) -> Response:
    """Store a verdict on a page."""
    body = await read_json(request, FeedbackRequest, service.limits.max_body_kb)
    question = clean_question(body.question)

    def add() -> int:
        try:
            number = service.kb.store.learned.add_feedback(question, body.source, body.page, right=body.right)
        except LookupError as exc:
            if isinstance(exc, KnowledgeBaseNotFoundError):
                raise
            raise SourceError("not_found", str(exc)) from exc
        service.kb.record("feedback add", number=number, right=body.right)
        return number

    return JsonResponse({"schema": 1, "id": await service.searches.run(add)}, status_code=201)


async def list_feedback(_request: Request, service: Service) -> Response:
    """Return every verdict, oldest first."""
    found = await service.searches.run(lambda: service.kb.store.learned.feedback())
    return JsonResponse({"schema": 1, "feedback": [item.as_dict() for item in found]})


async def remove_feedback(request: Request, service: Service) -> Response:
    """Take a verdict back."""
    number = request.path_params["number"]

    def remove() -> bool:
        removed = number < 1 << 63 and service.kb.store.learned.remove_feedback(number)
        if removed:
            service.kb.record("feedback remove", count=1)
        return removed

    if not await service.searches.run(remove):
        raise RefusedError(404, f"there is no verdict {number}", code="not_found")
    return JsonResponse({"schema": 1, "removed": [number], "unknown": []})


async def list_sessions(_request: Request, service: Service) -> Response:
    """Return the conversations' names."""
    return JsonResponse(
        {"schema": 1, "sessions": await service.searches.run(lambda: service.kb.conversations.names())}
    )


async def clear_session(request: Request, service: Service) -> Response:
    """Forget a conversation."""
    try:
        name = checked_name(request.path_params["name"])
    except ValueError as exc:
        raise RefusedError(400, str(exc), param="name") from None
    await service.searches.run(lambda: service.kb.conversations.clear(name))
    return JsonResponse({"schema": 1, "cleared": name})


async def read_metrics(_request: Request, service: Service) -> Response:
    """Return what Prometheus reads."""
    return Response(service.metrics.text(), headers={"content-type": metrics.CONTENT_TYPE})


async def openapi(_request: Request, _service: Service) -> Response:
    """Return the OpenAPI document of all this."""
    from ragedge.serve.openapi import document

    return JsonResponse(document())


def routes(service: Service) -> list[Route]:
    """Return the routes below ``PREFIX``."""
    from ragedge.serve import documents

    own = [
        ("/health", health, "GET"),
        ("/ask", ask, "POST"),
        ("/search", search, "POST"),
        ("/status", status, "GET"),
        ("/documents", documents.list_documents, "GET"),
        ("/documents/{source:path}", documents.put_document, "PUT"),
        ("/documents/{source:path}", documents.remove_document, "DELETE"),
        ("/feedback", list_feedback, "GET"),
        ("/feedback", add_feedback, "POST"),
        ("/feedback/{number:int}", remove_feedback, "DELETE"),
        ("/sessions", list_sessions, "GET"),
        ("/sessions/{name}", clear_session, "DELETE"),
        ("/metrics", read_metrics, "GET"),
        ("/openapi.json", openapi, "GET"),
    ]
    return [route(PREFIX + path, handler, service, methods=(method,)) for path, handler, method in own]
