"""What tuning tried and found in this knowledge base, for the page's plots."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from ragedge.serve.responses import JsonResponse, route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from ragedge.serve.service import Service
    from ragedge.tune.trial import Trial


async def tuning(_request: Request, service: Service) -> Response:
    """Return what the last tuning found, as ``ragedge tune --show --json`` prints it, and every setting it tried."""
    found = await service.searches.run(lambda: _found(service))
    return JsonResponse({"schema": 1, **found}, headers={"cache-control": "no-store"})


def _found(service: Service) -> dict[str, Any]:
    from ragedge.tune.tuning import last_result, tried

    if not service.kb.has_documents:
        return {"result": None, "tuned": {}, "trials": []}
    return {
        "result": last_result(service.kb),
        "tuned": service.kb.store.learned.values("tuned"),
        "trials": [_as_dict(trial) for trial in tried(service.kb)],
    }


def _as_dict(trial: Trial) -> dict[str, Any]:
    """Return a setting with its mean score, over the questions it was asked before it was given up."""
    return {
        "changes": trial.changes,
        "ndcg@10": round(statistics.fmean(trial.scores), 5) if trial.scores else None,
        "questions": len(trial.scores),
        "search_ms": trial.search_ms,
        "mb": round(trial.bytes / 1e6, 3),
    }


def routes(service: Service) -> list[Route]:
    """Return the route."""
    return [route("/ragedge/v1/tuning", tuning, service)]
