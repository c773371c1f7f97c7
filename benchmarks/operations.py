# ruff: noqa: E501 -- the code that runs elsewhere stands on its own lines
"""What is killed by benchmarks/kill_operations.py and starved of disk by benchmarks/full_disk.py, and how to tell what is left.

Each operation runs in a process of its own, prints a line after each step that it was told is done, and goes on until
it is ended. Afterwards every step that was told must be there, whole and once, and at most the next one besides.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ragedge
from ragedge.testing.hash_embedder import HashEmbedder

KEY = b"0123456789abcdef0123456789abcdef"
SETTINGS = {"generate.generator": "none", "generate.calibrate": False, "index.exact_below": 0}
DOCUMENTS = 24

_PRELUDE = """
import sys, ragedge
from ragedge.testing.hash_embedder import HashEmbedder
kb = ragedge.open(sys.argv[1], key={key!r}, settings={settings!r})
kb._parts._embedder = HashEmbedder()
done = lambda what: print(what, flush=True)
done("ready")
"""


@dataclass(frozen=True)
class Operation:
    """One kind of change.

    Attributes:
        body: Code that goes on changing ``kb`` and calls ``done`` after each step.
        check: Given the knowledge base and the steps that were told, returns what is wrong; empty if nothing is.
        encrypted: On an encrypted one.
    """

    body: str
    check: Callable[[ragedge.KnowledgeBase, list[str]], str]
    encrypted: bool = False

    def start(self, folder: Path) -> subprocess.Popen[str]:
        """Begin it in a process of its own."""
        code = _PRELUDE.format(key=self.key, settings=SETTINGS) + self.body
        return subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def key(self) -> bytes | None:
        """What unlocks its knowledge base."""
        return KEY if self.encrypted else None

    def wrong(self, folder: Path, told: list[str]) -> str:
        """Open what is left and look; return what is wrong, empty if nothing is."""
        with opened(folder, self.key) as kb:
            kb.verify_rows()
            status = kb.status()
            if len(kb.store.row_ids()) != status["chunks"] or len(status["sources"]) != status["documents"]:
                return "rows are lost or doubled"
            if status["documents"] and not kb.search("valve of the unit"):
                return "nothing is found"
            return self.check(kb, told)


def opened(folder: Path, key: bytes | None = None, *, create: bool = False) -> ragedge.KnowledgeBase:
    """Open a knowledge base with a quick embedder."""
    kb = ragedge.open(folder, key=key, create=create, settings=SETTINGS)
    kb._parts._embedder = HashEmbedder()
    return kb


def prepare(scratch: Path) -> None:
    """Make the plain and the encrypted knowledge base that operations start from."""
    from ragedge.datatypes import Block, Chunk, Document, Page, Span

    embedder = HashEmbedder()
    for name, key in (("plain", None), ("sealed", KEY)):
        with opened(scratch / name, key, create=True) as kb:
            store = kb._parts.create_store()
            for number in range(DOCUMENTS):
                text = f"Turn the valve of unit {number} by {number * 7} degrees."
                page = Page(1, text, None, (Block("paragraph", 0, len(text)),))
                document = Document(f"unit-{number:02}.md", "text/markdown", (page,), f"Unit {number}")
                chunk = Chunk(text, (Span(0, 0, len(text)),))
                vectors = embedder.embed_passages([text])
                store.put_document(document.source, f"{number:064x}", document, [chunk], vectors)
            kb._parts.vectors().refresh()


def fresh(scratch: Path, operation: Operation, folder: Path) -> None:
    """Copy the state that an operation starts from."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(scratch / ("sealed" if operation.encrypted else "plain"), folder)


def _all_there(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    return "" if kb.status()["documents"] == DOCUMENTS else "documents are lost"


def _removed(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    left = {source["source"] for source in kb.status()["sources"]}
    gone = DOCUMENTS - len(left)
    if any(source in left for source in told):
        return "a removed document is back"
    return "" if gone in (len(told), len(told) + 1) else f"{gone} are gone, {len(told)} were removed"


def _put(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    # The oldest of the last round may have been replaced already, by the step that was not told.
    versions = {page.text for source in kb.status()["sources"] for page in kb.store.pages(source["source"])}
    lost = [what for what in told[1 - DOCUMENTS :] if f"version {what}" not in " ".join(versions)]
    return f"replaced documents are lost: {lost[:3]}" if lost else _all_there(kb, told)


def _verdicts(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    found = [item.question for item in kb.store.learned.feedback()]
    if len(set(found)) != len(found) or not set(told) <= set(found) or len(found) > len(told) + 1:
        return f"{len(found)} verdicts of {len(told)}"
    return _all_there(kb, told)


def _tuned(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    values = kb.store.learned.values("tuned")
    last = int(told[-1]) if told else None
    if not values and last is None:
        return ""
    if len(set(values.values())) != 1 or len(values) != 2:
        return f"tuned values are of two minds: {values}"
    found = next(iter(values.values()))
    return "" if last is None or found in (last, last % 90 + 1) else f"tuned {found}, told {last}"


def _kept_file(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    vault = kb._parts.vault
    if not vault.exists("sessions/a"):
        return "the file is gone" if told else ""
    content = vault.read("sessions/a")
    number = content[:8]
    if content != number * (len(content) // 8):
        return "the file is torn"
    last = int(told[-1]) if told else 0
    return "" if int(number) in (last, last + 1) else f"the file holds {int(number)}, told {last}"


OPERATIONS = {
    "put": Operation(
        """
from ragedge.datatypes import Block, Chunk, Document, Page, Span
for i in range(100000):
    text = f"Turn the valve of the unit, version {i} of it."
    page = Page(1, text, None, (Block("paragraph", 0, len(text)),))
    name = f"unit-{i % 24:02}.md"
    kb.store.put_document(name, f"{i:064x}", Document(name, "text/markdown", (page,)), [Chunk(text, (Span(0, 0, len(text)),))],
                          HashEmbedder().embed_passages([text]))
    done(i)
""",
        _put,
    ),
    "remove": Operation(
        "for i in range(24):\n    kb.remove(f'unit-{i:02}.md')\n    done(f'unit-{i:02}.md')\n", _removed
    ),
    "feedback": Operation(
        "for i in range(100000):\n    kb.store.learned.add_feedback(f'q{i}', f'unit-{i % 24:02}.md', 1, right=True)\n"
        "    done(f'q{i}')\n",
        _verdicts,
    ),
    "tuned": Operation(
        "for i in range(100000):\n    n = i % 90 + 1\n"
        "    kb.store.learned.set_values('tuned', {'retrieve.top_k': n, 'retrieve.candidates': n})\n    done(n)\n",
        _tuned,
    ),
    "rotate": Operation(
        f"""
from ragedge.privacy import key_changes
from ragedge.privacy.keys import Secret
from ragedge.privacy.vault import Vault
kb.close()
secret = Secret.of({KEY!r})
for i in range(100000):
    key_changes.rotate(Vault.open(sys.argv[1], secret=secret), secret)
    done(i)
""",
        _all_there,
        encrypted=True,
    ),
    "rebuild": Operation("for i in range(100000):\n    kb.rebuild_index()\n    done(i)\n", _all_there),
    "session": Operation(
        "for i in range(1, 100000):\n    kb._parts.vault.write_atomic('sessions/a', b'%08d' % i * 40000)\n    done(i)\n",
        _kept_file,
        encrypted=True,
    ),
}
