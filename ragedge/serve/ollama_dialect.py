"""``/api``: Ollama's wire format.

Sources: the types of ollama-python, Ollama's ``api/types.go`` and ``server/routes.go``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ragedge import __version__
from ragedge.serve import chat as neutral
from ragedge.serve.chat import Chat, Done, Piece
from ragedge.serve.embedding import embed, texts_of
from ragedge.serve.grounded import facts
from ragedge.serve.ollama_requests import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    OldEmbedRequest,
    ShowRequest,
)
from ragedge.serve.refusals import RefusedError
from ragedge.serve.requests import read_json, unless_gone
from ragedge.serve.responses import JobResponse, JsonResponse, dumps, noted, route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from ragedge.serve.jobs import Job
    from ragedge.serve.served_models import ServedModel
    from ragedge.serve.service import Service

# The release of Ollama whose format this is: Open WebUI and clients compare it. Ours stands behind it.
VERSION = f"0.12.0+ragedge.{__version__}"
_MS = 1_000_000  # nanoseconds
_KEPT = timedelta(days=365)  # models stay loaded; clients want a time
_OFFLINE = ("/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete")


def error_form(refusal: RefusedError) -> dict[str, Any]:
    """Return an error as Ollama's clients read it."""
    return {"error": str(refusal)}


async def chat(request: Request, service: Service) -> Response:
    """Answer a chat; without messages, load the model."""
    body = await read_json(request, ChatRequest, service.limits.max_body_kb)
    model = service.models.find(body.model)
    if not body.messages:
        return await _load(request, service, body.model, unload=body.unloads, empty={"message": _said("")})
    return await _answer(request, service, body.chat(model), body.model, stream=body.streams, key="message")


async def generate(request: Request, service: Service) -> Response:
    """Answer a prompt; without one, load the model."""
    body = await read_json(request, GenerateRequest, service.limits.max_body_kb)
    model = service.models.find(body.model)
    if not body.prompt:
        return await _load(request, service, body.model, unload=body.unloads, empty={"response": ""})
    return await _answer(request, service, body.chat(model), body.model, stream=body.streams, key="response")


async def _answer(
    request: Request, service: Service, asked: Chat, name: str, *, stream: bool, key: str
) -> Response:
    """Answer; ``key`` holds the text: a message, or the text itself."""
    started = time.perf_counter_ns()
    job = await unless_gone(request, neutral.begin(service, asked))
    if stream:
        return JobResponse(job, _lines(job, name, key, started), "application/x-ndjson")
    text, done = await unless_gone(request, neutral.collect(job))
    said: dict[str, Any] = {key: _message(text, done) if key == "message" else text}
    return JsonResponse({**_stamp(name), **said, **_end(job, done, started)})


async def _lines(job: Job[Piece | Done], name: str, key: str, started: int) -> AsyncIterator[str]:
    def line(said: Any, **more: Any) -> str:
        return dumps({**_stamp(name), key: said, "done": False, **more}) + "\n"

    try:
        async for item in job:
            if isinstance(item, Piece):
                yield line(_said(item.text) if key == "message" else item.text)
                continue
            if item.calls:  # as Ollama does: before the last line, which has none
                yield line(_message("", item))
            yield line(_said("") if key == "message" else "", **_end(job, item, started))
    except Exception as exc:
        yield dumps(error_form(noted(exc))) + "\n"


async def _load(
    request: Request, service: Service, name: str, *, unload: bool, empty: dict[str, Any]
) -> Response:
    """Load the models, or say that they are put away (they stay: this server has no others to make room for)."""
    if not unload and service.kb.has_documents:
        await unless_gone(request, service.searches.run(service.kb.warm_up))
    reason = "unload" if unload else "load"
    return JsonResponse({**_stamp(name), **empty, "done": True, "done_reason": reason})


async def embed_texts(request: Request, service: Service) -> Response:
    """Embed texts."""
    started = time.perf_counter_ns()
    body = await read_json(request, EmbedRequest, service.limits.max_body_kb)
    model = service.models.find(body.model)
    texts = [] if body.input is None else texts_of(body.input)
    rows, tokens = await unless_gone(
        request, embed(service, model, texts, body.dimensions, cut=body.truncate is not False)
    )
    return JsonResponse(
        {
            "model": body.model, "embeddings": rows.tolist(), "total_duration": time.perf_counter_ns() - started,
            "load_duration": 0, "prompt_eval_count": tokens,
        }
    )  # fmt: skip


async def embed_text(request: Request, service: Service) -> Response:
    """Embed one text, in the older form."""
    body = await read_json(request, OldEmbedRequest, service.limits.max_body_kb)
    texts = [body.prompt] if body.prompt else []
    rows, _ = await unless_gone(request, embed(service, service.models.find(body.model), texts, None))
    return JsonResponse({"embedding": rows[0].tolist() if texts else []})


async def tags(_request: Request, service: Service) -> Response:
    """List the models."""
    models = await service.searches.run(service.models.all)
    return JsonResponse(
        {"models": [{**_facts(model), "capabilities": _capabilities(model)} for model in models]}
    )


async def running(_request: Request, service: Service) -> Response:
    """List the models as running: they are loaded when first needed, and stay."""
    until = (datetime.now(UTC) + _KEPT).isoformat()
    window = service.kb.config.generate.context_window
    models = await service.searches.run(service.models.all)
    return JsonResponse(
        {
            "models": [
                {**_facts(model), "expires_at": until, "size_vram": 0, "context_length": window}
                for model in models
            ]
        }
    )


async def show(request: Request, service: Service) -> Response:
    """Return what is known of a model."""
    body = await read_json(request, ShowRequest, service.limits.max_body_kb)
    model = service.models.find(body.model or body.name)
    manifest = None if model.folder is None else model.folder.manifest
    info: dict[str, Any] = {"general.basename": model.name}
    if manifest is not None:
        family = manifest.architecture
        info |= {"general.architecture": family, "general.license": manifest.licence}
        if manifest.encoder is not None:
            info[f"{family}.embedding_length"] = manifest.encoder.dim
            info[f"{family}.context_length"] = manifest.encoder.max_tokens
        if manifest.decoder is not None:
            info[f"{family}.block_count"] = manifest.decoder.layers
            info[f"{family}.context_length"] = service.kb.config.generate.context_window
    return JsonResponse(
        {
            "license": manifest.licence if manifest is not None else "", "modelfile": f"FROM {model.tagged}\n",
            "parameters": "", "template": "{{ .Prompt }}", "details": _details(model), "model_info": info,
            "capabilities": _capabilities(model), "modified_at": _time(model.created),
        }
    )  # fmt: skip


async def version(_request: Request, _service: Service) -> Response:
    """Return the release of Ollama whose format this is."""
    return JsonResponse({"version": VERSION})


async def offline(_request: Request, _service: Service) -> Response:
    """Refuse what changes models: it is not done over this server.

    Raises:
        RefusedError: 403, always.
    """
    raise RefusedError(
        403,
        "models are not changed over this server, and the device is offline",
        hint="ragedge models --help",
    )


def routes(service: Service) -> list[Route]:
    """Return the routes below ``/api``."""
    own: list[tuple[str, Any, tuple[str, ...]]] = [
        ("/api/chat", chat, ("POST",)),
        ("/api/generate", generate, ("POST",)),
        ("/api/embed", embed_texts, ("POST",)),
        ("/api/embeddings", embed_text, ("POST",)),
        ("/api/show", show, ("POST",)),
        ("/api/tags", tags, ("GET", "HEAD")),
        ("/api/ps", running, ("GET", "HEAD")),
        ("/api/version", version, ("GET", "HEAD")),
        *((path, offline, ("POST", "DELETE")) for path in _OFFLINE),
    ]
    return [route(path, handler, service, error_form, methods) for path, handler, methods in own]


def _stamp(name: str) -> dict[str, Any]:
    return {"model": name, "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _message(text: str, done: Done) -> dict[str, Any]:
    message = _said(text)
    if done.calls:
        message["tool_calls"] = [
            {"function": {"name": call.name, "arguments": call.arguments}} for call in done.calls
        ]
    return message


def _end(job: Job[Piece | Done], done: Done, started: int) -> dict[str, Any]:
    """Return how it ended: tokens, and times in nanoseconds."""
    reason = "length" if job.timed_out or done.finish == "length" else "stop"
    stats = done.stats
    end: dict[str, Any] = {
        "done": True, "done_reason": reason, "total_duration": time.perf_counter_ns() - started, "load_duration": 0,
        "prompt_eval_count": stats.prompt_tokens, "prompt_eval_duration": int(stats.prefill_ms * _MS),
        "eval_count": stats.new_tokens, "eval_duration": int(stats.decode_ms * _MS),
    }  # fmt: skip
    return end if done.answer is None else {**end, "ragedge": facts(done.answer)}


def _facts(model: ServedModel) -> dict[str, Any]:
    folder = model.folder
    return {
        "name": model.tagged, "model": model.tagged, "modified_at": _time(model.created),
        "size": 0 if folder is None else folder.size_bytes,
        "digest": "0" * 64 if folder is None else folder.manifest.fingerprint,
        "details": _details(model),
    }  # fmt: skip


def _details(model: ServedModel) -> dict[str, Any]:
    manifest = None if model.folder is None else model.folder.manifest
    family = model.kind if manifest is None else manifest.architecture
    return {
        "parent_model": "", "format": "onnx", "family": family, "families": [family], "parameter_size": "",
        "quantization_level": "" if manifest is None else manifest.quantization,
    }  # fmt: skip


def _capabilities(model: ServedModel) -> list[str]:
    return {"grounded": ["completion"], "generator": ["completion", "tools"], "embedder": ["embedding"]}[
        model.kind
    ]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
