"""Reading requests within limits, and giving up when the client does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from ragedge.serve.refusals import RefusedError

T = TypeVar("T")
Body = TypeVar("Body", bound=BaseModel)


async def read_bytes(request: Request, most: int) -> bytes:
    """Return a request's body.

    Raises:
        RefusedError: 413: it is larger.
        ClientDisconnect: the client is gone.
    """
    said = request.headers.get("content-length", "0")
    size = int(said) if said.isdigit() else 0
    parts: list[bytes] = []
    if size <= most:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                break
            parts.append(part)
    if size > most:
        raise RefusedError(
            413, f"the request is larger than {most} bytes, which are allowed",
            hint="see [serve] in docs/configuration.md", code="too_large",
        )  # fmt: skip
    return b"".join(parts)


async def read_json(request: Request, model: type[Body], most_kb: int) -> Body:
    """Return a request's body as a model.

    The media type is not looked at: Ollama's clients send several. ``access`` refuses what a foreign web page sends.

    Raises:
        RefusedError: 400: it is not JSON, or not what the model wants; what was sent is not repeated.
    """
    body = await read_bytes(request, most_kb << 10)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the request's body is not JSON", code="invalid_json") from None
    return checked(value, model)


def checked(value: Any, model: type[Body]) -> Body:
    """Return a decoded value as a model.

    Raises:
        RefusedError: 400: it is not what the model wants.
    """
    try:
        return model.model_validate(value, strict=False)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusedError(
            400, f"{where or 'the body'}: {first['msg']}", code="invalid_value", param=_field(first["loc"])
        ) from None
    except RecursionError:
        raise RefusedError(400, "the request's body is nested too deeply", code="invalid_json") from None


def _field(loc: Sequence[int | str]) -> str:
    return str(loc[0]) if loc else ""


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what work returns; if the client goes away first, work is cancelled.

    The request's body has to be read before.

    Raises:
        ClientDisconnect: the client is gone.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
