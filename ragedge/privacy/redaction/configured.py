"""The redactors that the settings name, at work in an ingest or over what is exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragedge import plugins
from ragedge.errors import ConfigError
from ragedge.privacy.redaction.replacing import Redaction

if TYPE_CHECKING:
    from ragedge.config import PrivacyConfig
    from ragedge.privacy.vault import Vault


def redaction(settings: PrivacyConfig, key: bytes = b"") -> Redaction | None:
    """Build what the settings name; None where nothing is to be redacted.

    Raises:
        PluginError: a redactor is missing or broken.
        ConfigError: a kind is unknown to a redactor.
    """
    return from_worker_settings(worker_settings(settings, key))


def worker_settings(settings: PrivacyConfig, key: bytes = b"") -> dict[str, Any]:
    """Return what a worker process is told; ``key`` makes tokens that can be undone."""
    options = {"kinds": list(settings.redact_kinds)} if settings.redact_kinds else {}
    return {"redactors": list(settings.redactors), "redactor_options": options, "redaction_key": key.hex()}


def from_worker_settings(told: Mapping[str, Any]) -> Redaction | None:
    """Build what ``worker_settings`` describes; None where no redactor is named."""
    if not told.get("redactors"):
        return None
    made = [plugins.create("redactor", name, told["redactor_options"]) for name in told["redactors"]]
    return Redaction(made, bytes.fromhex(told["redaction_key"]))


def key_for(settings: PrivacyConfig, vault: Vault) -> bytes:
    """Return the key of reversible tokens; empty where marks shall not be undone.

    Raises:
        ConfigError: they shall, and the knowledge base, which keeps the values, is not encrypted.
    """
    if not (settings.redactors and settings.redact_reversibly):
        return b""
    if vault.cipher is None:
        raise ConfigError(
            "privacy.redact_reversibly keeps what it takes out, and this knowledge base is not encrypted",
            hint="make it with ragedge ingest --encrypt, or ragedge key encrypt",
        )
    return vault.cipher.redaction_key
