"""``/v1``: OpenAI's wire format.

Sources: the request and response types of openai-python, and how Ollama and Open WebUI read them.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ragedge.serve import chat as neutral
from ragedge.serve.chat import Chat, Done, Piece, ToolCall
from ragedge.serve.embedding import embed, texts_of
from ragedge.serve.grounded import facts
from ragedge.serve.open_webui import source_events
from ragedge.serve.openai_requests import ChatRequest, CompletionRequest, EmbeddingRequest
from ragedge.serve.requests import read_json, unless_gone
from ragedge.serve.responses import JobResponse, JsonResponse, dumps, event, noted, route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from ragedge.datatypes import GenerationStats
    from ragedge.serve.jobs import Job
    from ragedge.serve.refusals import RefusedError
    from ragedge.serve.served_models import ServedModel
    from ragedge.serve.service import Service

_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    429: "rate_limit_error",
}  # fmt: skip
_STREAM_END = "data: [DONE]\n\n"


def error_form(refusal: RefusedError) -> dict[str, Any]:
    """Return an error as OpenAI's clients read it."""
    kind = _TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "server_error")
    return {
        "error": {
            "message": str(refusal), "type": kind, "param": refusal.param or None, "code": refusal.code or None,
        }
    }  # fmt: skip


async def chat_completions(request: Request, service: Service) -> Response:
    """Answer a chat."""
    body = await read_json(request, ChatRequest, service.limits.max_body_kb)
    chat = body.chat(service.models.find(body.model))
    job = await unless_gone(request, neutral.begin(service, chat))
    head = _head("chatcmpl", body.model)
    if body.stream:
        events = _chat_stream(job, head, usage=body.include_usage)
        return JobResponse(job, events, "text/event-stream")
    text, done = await unless_gone(request, neutral.collect(job))
    message: dict[str, Any] = {"role": "assistant", "content": None if done.calls else text}
    if done.calls:
        message["tool_calls"] = [_call(call) for call in done.calls]
    if done.answer is not None:
        message["ragedge"] = facts(done.answer)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(job, done)}
    return JsonResponse(
        {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(done.stats)}
    )


async def _chat_stream(job: Job[Piece | Done], head: dict[str, Any], *, usage: bool) -> AsyncIterator[str]:
    head = {**head, "object": "chat.completion.chunk"}

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**head, "choices": [choice], **({"usage": None} if usage else {}), **more})

    try:
        yield chunk({"role": "assistant", "content": ""})
        async for item in job:
            if isinstance(item, Piece):
                yield chunk({"content": item.text})
                continue
            if item.calls:
                calls = [{"index": i, **_call(call)} for i, call in enumerate(item.calls)]
                yield chunk({"tool_calls": calls})
            more: dict[str, Any] = {}
            if item.answer is not None:
                for source in source_events(item.answer):
                    yield chunk({"content": ""}, event=source)
                more = {"ragedge": facts(item.answer)}
            yield chunk({}, _finish(job, item), **more)
            if usage:
                yield event({**head, "choices": [], "usage": _usage(item.stats)})
    except Exception as exc:
        yield event(error_form(noted(exc)))
    yield _STREAM_END


async def completions(request: Request, service: Service) -> Response:
    """Answer a prompt."""
    body = await read_json(request, CompletionRequest, service.limits.max_body_kb)
    chat: Chat = body.chat(service.models.find(body.model))
    job = await unless_gone(request, neutral.begin(service, chat))
    head = {**_head("cmpl", body.model), "object": "text_completion"}
    if body.stream:
        events = _completion_stream(job, head, usage=body.include_usage)
        return JobResponse(job, events, "text/event-stream")
    text, done = await unless_gone(request, neutral.collect(job))
    choice: dict[str, Any] = {"index": 0, "text": text, "logprobs": None, "finish_reason": _finish(job, done)}
    if done.answer is not None:
        choice["ragedge"] = facts(done.answer)
    return JsonResponse({**head, "choices": [choice], "usage": _usage(done.stats)})


async def _completion_stream(
    job: Job[Piece | Done], head: dict[str, Any], *, usage: bool
) -> AsyncIterator[str]:
    def chunk(text: str, finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return event({**head, "choices": [choice], **more})

    try:
        async for item in job:
            if isinstance(item, Piece):
                yield chunk(item.text)
                continue
            more = {} if item.answer is None else {"ragedge": facts(item.answer)}
            yield chunk("", _finish(job, item), **more)
            if usage:
                yield event({**head, "choices": [], "usage": _usage(item.stats)})
    except Exception as exc:
        yield event(error_form(noted(exc)))
    yield _STREAM_END


async def embeddings(request: Request, service: Service) -> Response:
    """Embed texts; base64 is little-endian float32, as openai-python asks for by default."""
    body = await read_json(request, EmbeddingRequest, service.limits.max_body_kb)
    texts = texts_of(body.input)
    model = service.models.find(body.model)
    rows, tokens = await unless_gone(request, embed(service, model, texts, body.dimensions))
    coded: list[Any] = (
        [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in rows]
        if body.encoding_format == "base64"
        else rows.tolist()
    )
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(coded)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JsonResponse({"object": "list", "data": data, "model": body.model, "usage": usage})


async def list_models(_request: Request, service: Service) -> Response:
    """List the models."""
    models = await service.searches.run(service.models.all)
    return JsonResponse({"object": "list", "data": [_model(model) for model in models]})


async def show_model(request: Request, service: Service) -> Response:
    """Return one model."""
    return JsonResponse(_model(service.models.find(request.path_params["name"])))


def routes(service: Service) -> list[Route]:
    """Return the routes below ``/v1``."""
    own = [
        ("/v1/chat/completions", chat_completions, "POST"),
        ("/v1/completions", completions, "POST"),
        ("/v1/embeddings", embeddings, "POST"),
        ("/v1/models", list_models, "GET"),
        ("/v1/models/{name:path}", show_model, "GET"),
    ]
    return [route(path, handler, service, error_form, (method,)) for path, handler, method in own]


def _head(prefix: str, model: str) -> dict[str, Any]:
    # No fingerprint of the system: what tells the weights apart stands in /api/tags.
    return {"id": f"{prefix}-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}


def _model(model: ServedModel) -> dict[str, Any]:
    return {"id": model.name, "object": "model", "created": model.created, "owned_by": "ragedge"}


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": dumps(call.arguments)}
    return {"id": f"call_{secrets.token_hex(8)}", "type": "function", "function": function}


def _finish(job: Job[Piece | Done], done: Done) -> str:
    return "length" if job.timed_out else done.finish


def _usage(stats: GenerationStats) -> dict[str, Any]:
    return {
        "prompt_tokens": stats.prompt_tokens,
        "completion_tokens": stats.new_tokens,
        "total_tokens": stats.prompt_tokens + stats.new_tokens,
        "prompt_tokens_details": {"cached_tokens": stats.cached_tokens},
    }
