"""A page of a document to look at: its text with the quote's place, and its picture where the file is still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ragedge.errors import MissingExtraError, PluginError, RagedgeError, SourceError
from ragedge.ingest.page_renderer import PageRenderer
from ragedge.serve.refusals import RefusedError
from ragedge.serve.requests import checked
from ragedge.serve.responses import JsonResponse, route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from ragedge.index.rows import SourceRecord
    from ragedge.ingest.quote_places import Box
    from ragedge.serve.service import Service

_PREFIX = "/ragedge/v1/pages"
_PDF = "application/pdf"
_WHOLE_FILE = 1  # the page of a file without pages


class PageRequest(BaseModel):
    """Which page of which document."""

    model_config = ConfigDict(extra="forbid")
    source: Annotated[str, Field(min_length=1, max_length=1024)]
    page: Annotated[
        int, Field(ge=1, lt=1 << 31, description="From 1; left out for a file without pages.")
    ] = _WHOLE_FILE


class QuotesRequest(PageRequest):
    """Also where quotes stand in the page's text."""

    quote: Annotated[
        list[Annotated[str, Field(pattern=r"^\d{1,9}-\d{1,9}$")]],
        Field(max_length=50, description="`START-END` in code points; repeatable."),
    ] = []


class PictureRequest(PageRequest):
    """Also how wide, in pixels."""

    width: Annotated[int, Field(ge=100, le=3000)] = 1000


class PageViews:
    """Answers for one server."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._renderer: PageRenderer | None = None
        service.on_close(self.close)

    def close(self) -> None:
        """End what draws pages."""
        if self._renderer is not None:
            self._renderer.close()

    async def page(self, request: Request, service: Service) -> Response:
        """Return a page's text and blocks, and where a quote stands on its picture."""
        query = request.query_params
        asked = checked({**query, "quote": query.getlist("quote")}, QuotesRequest)
        return JsonResponse(await service.searches.run(lambda: self._page(asked)), headers=_PRIVATE)

    async def picture(self, request: Request, service: Service) -> Response:
        """Return a page as a picture."""
        asked = checked(dict(request.query_params), PictureRequest)
        return await service.searches.run(lambda: self._picture(asked))

    def _page(self, asked: QuotesRequest) -> dict[str, Any]:
        kb = self._service.kb
        record, found = kb.read_page(asked.source, asked.page)
        quotes = [_span(quote, len(found.text)) for quote in asked.quote]
        picture, why = None, None
        boxes: list[list[Box]] = [[] for _ in quotes]
        try:
            renderer = self._drawn_by(record)
            (width, height), boxes = renderer.places(
                asked.source,
                record.sha256,
                lambda: kb.original(asked.source),
                asked.page,
                found.text,
                quotes,
            )
            picture = {"width": width, "height": height}
        except RagedgeError as exc:
            why = _why_missing(exc)
        shown = ("kind", "start", "end", "level", "header_rows")
        return {
            "schema": 1,
            "source": asked.source,
            "page": found.number,
            "page_label": found.label,
            "pages": record.pages,
            "text": found.text,
            "blocks": [
                {key: getattr(block, key) for key in shown} for block in found.blocks if not block.hidden
            ],
            "quotes": [
                {
                    "start": start,
                    "end": end,
                    "boxes": [[round(share, 5) for share in box] for box in found_at],
                }
                for (start, end), found_at in zip(quotes, boxes, strict=True)
            ],
            "picture": picture,
            "picture_missing": why,
        }

    def _picture(self, asked: PictureRequest) -> Response:
        kb = self._service.kb
        record, _ = kb.read_page(asked.source, asked.page)
        renderer = self._drawn_by(record)
        drawn = renderer.picture(
            asked.source, record.sha256, lambda: kb.original(asked.source), asked.page, asked.width
        )
        return Response(drawn.data, headers={**_PRIVATE, "content-type": drawn.media_type})

    def _drawn_by(self, record: SourceRecord) -> PageRenderer:
        """Return what draws a document's pages.

        Raises:
            RefusedError: 404: it has no pictures, or they would show what was taken out of it.
            MissingExtraError: the extra ``render`` is not installed.
        """
        if record.media_type != _PDF:
            raise RefusedError(404, "only pages of PDF files have pictures", code="not_pdf")
        if record.redacted or self._service.kb.config.privacy.redactors:
            raise RefusedError(404, "its picture would show what redaction takes out", code="redacted")
        if self._renderer is None:
            self._renderer = PageRenderer()
        return self._renderer


# What a manual says is not left in a browser's cache.
_PRIVATE = {"cache-control": "no-store"}


def _span(quote: str, length: int) -> tuple[int, int]:
    start, end = map(int, quote.split("-"))
    if not start < end <= length:
        raise RefusedError(
            400, f"a quote is not inside its page of {length} characters", code="invalid_value", param="quote"
        )
    return start, end


def _why_missing(error: RagedgeError) -> dict[str, str]:
    """Return why there is no picture, in a word and in words."""
    code = "failed"
    if isinstance(error, RefusedError):
        code = error.code
    elif isinstance(error, MissingExtraError | PluginError):
        code = "not_installed"
    elif isinstance(error, SourceError):
        code = "file_gone" if error.code == "not_found" else "damaged"
    return {"code": code, "message": error.message}


def routes(service: Service) -> list[Route]:
    """Return the routes."""
    views = PageViews(service)
    return [route(_PREFIX, views.page, service), route(_PREFIX + "/picture", views.picture, service)]
