"""What Open WebUI shows as sources beside an answer.

It hands the field ``event`` of a streamed chunk on to its page (``open_webui/utils/middleware.py`` of 0.12), where
one of the type ``source`` becomes a source: a name, the quotes, and for each its page. Other clients do not look at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragedge.datatypes import Answer


def source_events(answer: Answer) -> list[dict[str, Any]]:
    """Return an event for each document that an answer cites."""
    found = []
    for source in dict.fromkeys(citation.source for citation in answer.citations):
        cited = [citation for citation in answer.citations if citation.source == source]
        data = {
            "source": {"name": source},
            "document": [citation.quote for citation in cited],
            "metadata": [
                # Its pages count from 0.
                {"source": source, "name": str(citation)}
                | ({} if citation.page is None else {"page": citation.page - 1})
                for citation in cited
            ],
        }
        found.append({"type": "source", "data": data})
    return found
