"""``ragedge.open`` and ``ragedge.ask``: from a path to a knowledge base with its settings."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragedge.datatypes import Answer
from ragedge.effective_config import EffectiveConfig, load
from ragedge.errors import ConfigError, DamagedError, KnowledgeBaseNotFoundError
from ragedge.installed import hold, knowledge_base_of, slot_in_use
from ragedge.knowledge_base import Egress, KnowledgeBase
from ragedge.parts import Parts
from ragedge.privacy import egress as network
from ragedge.privacy.keys import Key, Secret
from ragedge.privacy.vault import DATABASE, SETTINGS, Vault

if TYPE_CHECKING:
    from ragedge.index.store import Store

log = logging.getLogger(__name__)


def open(
    path: str | os.PathLike[str],
    *,
    create: bool = False,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    egress: Egress | None = None,
    key: Key | Secret | None = None,
    key_store: str | None = None,
) -> KnowledgeBase:
    """Open a knowledge base.

    Args:
        path: Its folder, or the folder that a bundle was installed into: then the slot in use, with its models.
        create: Make it where there is none; it comes to life with the first ingest.
        config: A TOML file to use instead of the folder's own ``ragedge.toml``.
        settings: Dotted keys and values over everything else, such as ``{"retrieve.top_k": 8}``.
        egress: Refuse network access in ragedge's own ``calls`` (the default), in the whole ``process``, or
            not at all (``off``); over the setting of that name.
        key: Unlocks an encrypted knowledge base: a passphrase (str), key material (bytes), or the path of a key
            file. With ``create``, a new one is encrypted under it.
        key_store: With ``create``, encrypt a new one under a key that this plugin guards; it is asked by itself
            from then on.

    Raises:
        KnowledgeBaseNotFoundError: nothing is there and ``create`` is False.
        ConfigError: a setting is unknown or not allowed.
        LockedError: it is encrypted, and the key is missing or wrong.
        StoreError: the path holds something else, or is damaged, or is not encrypted although a key is given.
    """
    if key is not None and key_store is not None:
        raise ValueError("give key or key_store, not both")
    secret = Secret("key_store", key_store.encode()) if key_store else None
    if key is not None:
        secret = key if isinstance(key, Secret) else Secret.of(key)
    vault = Vault.open(knowledge_base_of(Path(path)), create=create, secret=secret)
    return open_vault(vault, create=create, config=config, settings=settings, egress=egress)


def open_vault(
    vault: Vault,
    *,
    create: bool = False,
    config: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    egress: Egress | None = None,
    record: bool = True,
) -> KnowledgeBase:
    """Open the knowledge base in a folder that is unlocked already; see ``open``.

    Without ``record`` nothing of what is done gets into the audit log: for checks, which nobody asked for.
    """
    from ragedge.index.store import Store

    slot = slot_in_use(vault.path)
    held = hold(slot) if slot is not None else None

    store = None
    try:
        if vault.exists(DATABASE):
            try:
                store = Store.open(vault)
            except KnowledgeBaseNotFoundError:
                if not create:
                    raise
        effective = _effective_settings(vault, store, config, dict(settings or {}))
        scope: Egress = egress or effective.config.privacy.egress
        if scope == "process":
            network.arm_process()
        return KnowledgeBase(Parts(vault, effective, store, slot, held), scope, record=record)
    except BaseException:
        if held is not None:
            held.close()
        if store is not None:
            store.close()
        raise


def ask(question: str, *, kb: str | os.PathLike[str], key: Key | None = None, **options: Any) -> Answer:
    """Answer one question from a knowledge base: ``KnowledgeBase.ask`` in one line."""
    with open(kb, key=key) as knowledge_base:
        return knowledge_base.ask(question, **options)


def _tuned(store: Store) -> dict[str, Any]:
    try:
        return store.learned.values("tuned")
    except DamagedError as exc:
        # Answers are right without them, and the command that removes them must be able to open it.
        log.warning("left out: %s", exc)
        return {}


def _effective_settings(
    vault: Vault, store: Store | None, file: str | os.PathLike[str] | None, flags: Mapping[str, Any]
) -> EffectiveConfig:
    tuned = _tuned(store) if store is not None else {}
    if file is not None:
        return load(file=Path(file), tuned=tuned, flags=flags)
    try:
        text = vault.read(SETTINGS).decode()
    except FileNotFoundError:
        return load(tuned=tuned, flags=flags)
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{vault.path / SETTINGS} is not UTF-8 text", hint="save it as UTF-8") from exc
    return load(file=vault.path / SETTINGS, text=text, tuned=tuned, flags=flags)
