"""Whether a slot can do its work: looked at before it comes into use, and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ragedge.bundle.manifest import BundleManifest
from ragedge.errors import DamagedError, ModelIntegrityError, RagedgeError
from ragedge.home import models_at
from ragedge.installed import MANIFEST, Slot
from ragedge.knowledge_base import KnowledgeBase
from ragedge.models import store as model_store
from ragedge.opening import open_vault
from ragedge.privacy.finding import Finding
from ragedge.privacy.keys import Secret
from ragedge.privacy.vault import Vault

_MEND = "keep the other slot, and get the bundle again"
_ASKED_WORDS, _ASKED_CHARS, _LEAST_LETTERS = 8, 200, 6  # of a passage: enough to find it by


def slot_manifest(slot: Slot) -> BundleManifest:
    """Return what was signed of a slot.

    Raises:
        BundleError: it is malformed.
        DamagedError: it is missing.
    """
    try:
        return BundleManifest.parse((slot.path / MANIFEST).read_bytes())
    except OSError as exc:
        raise DamagedError(f"{slot.path / MANIFEST} cannot be read", hint=_MEND) from exc


def findings(slot: Slot, secret: Secret | None, *, as_signed: bool) -> list[Finding]:
    """Look at a slot: models, rows, a search and an answer.

    Args:
        slot: Its folder.
        secret: Unlocks its knowledge base.
        as_signed: The rows must be those of the bundle; in a slot that was in use, they may have changed since.
    """
    found: list[Finding] = []

    def look(name: str, at: Callable[[], str]) -> bool:
        try:
            found.append(Finding(name, True, at()))
        except RagedgeError as exc:
            found.append(Finding(name, False, exc.message, _MEND))
        return found[-1].ok

    def with_kb(at: Callable[[KnowledgeBase], str]) -> Callable[[], str]:
        def opened() -> str:
            with open_vault(Vault.open(slot.kb, secret=secret), record=False) as kb:
                return at(kb)

        return opened

    if not look("manifest", lambda: f"version {slot_manifest(slot).version}"):
        return found
    manifest = slot_manifest(slot)
    look("models", lambda: _models(slot, manifest))
    look("rows", with_kb(lambda kb: _rows(kb, manifest, as_signed=as_signed)))
    if all(one.ok for one in found):
        look("answer", with_kb(_answer))
    return found


def _models(slot: Slot, manifest: BundleManifest) -> str:
    with models_at(slot.models):
        for name, fingerprint in manifest.models.items():
            problems = model_store.verify_model(name)
            if not problems and model_store.find(name).manifest.fingerprint != fingerprint:
                problems = ["it is another model of that name"]
            if problems:
                raise ModelIntegrityError(f"model {name}: {problems[0]}")
    return f"{len(manifest.models)}, every file as signed"


def _rows(kb: KnowledgeBase, manifest: BundleManifest, *, as_signed: bool) -> str:
    kb.verify_rows()
    if as_signed and kb.store.content_digest() != manifest.rows.content_digest:
        raise DamagedError("the rows are not those of the bundle")
    kb.rebuild_index()
    return f"{kb.store.counts().documents} documents, each row as written; index built"


def _answer(kb: KnowledgeBase) -> str:
    """Ask for the words of a passage: it must be found, by every model that answering takes."""
    kb.verify_embedder()
    question = next(filter(None, map(_question, _texts(kb))), None)
    if question is None:
        return "nothing to ask about: it holds no text"
    if not kb.search(question):
        raise DamagedError("a search for words that are there found nothing")
    kb.warm_up()
    return "a search found what is there, and the models load"


def _texts(kb: KnowledgeBase) -> Iterator[str]:
    for record in kb.store.sources():
        for chunk in kb.store.chunks(record.source):
            yield chunk.text


def _question(text: str) -> str | None:
    """Return a passage's first words, if they can be asked for."""
    words = " ".join(text.split()[:_ASKED_WORDS])[:_ASKED_CHARS]
    return words if sum(map(str.isalpha, words)) >= _LEAST_LETTERS else None
