"""What a request is refused with: a status, a message without content, and what to do about it."""

from __future__ import annotations

from ragedge.errors import (
    BusyError,
    ConfigError,
    EgressError,
    KnowledgeBaseNotFoundError,
    LockedError,
    MissingExtraError,
    ModelNotFoundError,
    PromptTooLongError,
    QuestionError,
    RagedgeError,
    SessionNotFoundError,
    SourceConflictError,
    SourceError,
    StoreError,
)

# The first that fits counts.
_STATUSES: tuple[tuple[type[RagedgeError], int], ...] = (
    (QuestionError, 400),
    (PromptTooLongError, 400),
    (KnowledgeBaseNotFoundError, 409),
    (SessionNotFoundError, 404),
    (ConfigError, 400),  # a filter that is none
    (SourceConflictError, 409),
    (BusyError, 503),
    (LockedError, 503),
    (StoreError, 500),
    (ModelNotFoundError, 503),
    (MissingExtraError, 501),
    (EgressError, 500),
)
_SOURCE_STATUSES = {"not_found": 404, "too_large": 413}


class RefusedError(RagedgeError):
    """A request is not served.

    Attributes:
        status: Of HTTP.
        code: In a word, as OpenAI's errors have it; may be empty.
        param: The field of the request that is at fault; may be empty.
        retry_after_s: When to try again; None where that would not help.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        param: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status, self.code, self.param, self.retry_after_s = status, code, param, retry_after_s


def as_refusal(error: Exception) -> RefusedError:
    """Return what a client is told of an error; of one that nobody foresaw, its kind alone."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, SourceError):
        status = _SOURCE_STATUSES.get(error.code, 422)
        return RefusedError(status, error.message, hint=error.hint, code=error.code)
    if isinstance(error, RagedgeError):
        status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
        code = "context_length_exceeded" if isinstance(error, PromptTooLongError) else type(error).__name__
        wait = 5 if isinstance(error, BusyError) else None
        return RefusedError(status, error.message, hint=error.hint, code=code, retry_after_s=wait)
    return RefusedError(500, f"the server failed ({type(error).__name__})", code="internal_error")
