"""Every exception that ragedge raises on purpose.

::

    RagedgeError
    ├── ConfigError
    ├── MissingExtraError           an optional part is not installed
    ├── PluginError
    │   ├── UnknownPluginError (LookupError)
    │   └── PluginConflictError
    ├── SourceError                 a document could not be read; has a code
    ├── ModelError
    │   ├── ModelNotFoundError (LookupError)
    │   ├── ModelIntegrityError     a file differs from its recorded sha256
    │   ├── UnsupportedModelError   an architecture, tensor type or layout we do not compile
    │   ├── ModelFetchError         pull found no carrier it could reach
    │   └── ProviderUnavailableError
    ├── StoreError
    │   ├── KnowledgeBaseNotFoundError (LookupError)
    │   ├── IndexMismatchError      built by another embedder
    │   ├── DamagedError            a row, page or file is not what was written
    │   ├── BusyError               another process is writing
    │   ├── SourceConflictError     two files want one name
    │   ├── SessionNotFoundError (LookupError)
    │   ├── SessionMismatchError    saved under another model, quantization, tokenizer or adapter
    │   └── LockedError             encrypted, and no key or the wrong one
    ├── BundleError                 not what was signed, or not to be installed here
    ├── SoundError                  sound that cannot be read, recorded or played
    ├── QuestionError               empty, too long, or not text
    ├── PromptTooLongError
    └── EgressError                 something tried to leave the device

A wrong argument is ``ValueError`` or ``TypeError``; these are for the world (files, models, devices).
A message says what failed, the value and what is allowed; ``hint`` is the next command. Neither ever
holds the text of a document, a question or an answer.
"""

from __future__ import annotations


class RagedgeError(Exception):
    """Root of everything ragedge raises on purpose.

    Attributes:
        message: What failed, with the value and what is allowed; one line.
        hint: What to do next, usually a command; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def as_dict(self) -> dict[str, str]:
        """Return the ``error`` object of the command line's JSON."""
        return {"type": type(self).__name__, "message": self.message, "hint": self.hint}


class ConfigError(RagedgeError):
    """A setting is unknown, malformed, or needs a new ingest."""


class MissingExtraError(RagedgeError):
    """A command needs an optional part that is not installed; the hint installs it."""


class PluginError(RagedgeError):
    """A plugin failed to load or broke its contract."""


class UnknownPluginError(PluginError, LookupError):
    """No installed plugin of that kind has that name."""

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        super().__init__(
            f"no {kind} plugin named {name!r}; installed: {', '.join(known) or 'none'}",
            hint=f"install a package that registers {name!r} under 'ragedge.{kind}', or name one of these",
        )
        self.kind, self.name, self.known = kind, name, known


class PluginConflictError(PluginError):
    """Two installed packages register the same plugin name."""


class SourceError(RagedgeError):
    """A document could not be read.

    Attributes:
        code: One of ``datatypes.SKIP_CODES``; ``redacted`` where its file would show what was taken out.
    """

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class ModelError(RagedgeError):
    """A model could not be found, trusted, compiled or run."""


class ModelNotFoundError(ModelError, LookupError):
    """The model is not installed, or not in the catalog."""


class ModelIntegrityError(ModelError):
    """A model's file is truncated, corrupt, or differs from its recorded sha256."""


class UnsupportedModelError(ModelError):
    """The architecture, tensor type or layout is not one that ragedge compiles."""


class ModelFetchError(ModelError):
    """A model could not be fetched: no network, or no carrier holds it."""


class ProviderUnavailableError(ModelError):
    """The runtime does not offer the execution provider that was asked for."""


class StoreError(RagedgeError):
    """A knowledge base could not be read or written."""


class KnowledgeBaseNotFoundError(StoreError, LookupError):
    """There is no knowledge base at that path."""


class IndexMismatchError(StoreError):
    """The knowledge base was built by another embedder."""

    def __init__(self, message: str, *, expected: str, actual: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.expected, self.actual = expected, actual


class DamagedError(StoreError):
    """Something stored is not what was written."""


class BusyError(StoreError):
    """Another process is writing to the knowledge base."""


class SourceConflictError(StoreError):
    """A document would take the name of another file's."""


class SessionNotFoundError(StoreError, LookupError):
    """There is no session of that name."""


class SessionMismatchError(StoreError):
    """A saved context does not fit the model, quantization, tokenizer or adapter that is to go on with it."""


class LockedError(StoreError):
    """The knowledge base is encrypted and no key, or the wrong one, was given."""


class BundleError(RagedgeError):
    """A bundle is not what somebody trusted signed, or may not be installed here."""


class SoundError(RagedgeError):
    """Sound could not be read, recorded, spoken or played."""


class QuestionError(RagedgeError):
    """The question is empty, too long, or holds no text."""


class PromptTooLongError(RagedgeError):
    """The prompt does not fit the model's context window."""


class EgressError(RagedgeError):
    """A connection that would leave the device was refused."""
