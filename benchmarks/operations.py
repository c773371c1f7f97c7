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

from bundle_line import pack, torque_of

import ragedge
from ragedge.bundle import signing, slots
from ragedge.errors import LockedError
from ragedge.testing.hash_embedder import HashEmbedder

KEY = b"0123456789abcdef0123456789abcdef"
OTHER_KEY = KEY[::-1]
SETTINGS = {"generate.generator": "none", "generate.calibrate": False, "index.exact_below": 0}
DOCUMENTS = 24

RELEASES = range(1, 7)

_PRELUDE = """
import sys, ragedge
from pathlib import Path
from ragedge.testing.hash_embedder import HashEmbedder
from ragedge.privacy import key_changes
from ragedge.privacy.keys import Secret
from ragedge.privacy.vault import Vault
folder, scratch = map(Path, sys.argv[1:])
done = lambda what: print(what, flush=True)
"""
_OPENED = """
kb = ragedge.open(folder, key={key!r}, settings={settings!r})
kb._parts._embedder = HashEmbedder()
done("ready")
"""


@dataclass(frozen=True)
class Operation:
    """One kind of change.

    Attributes:
        body: Code that goes on changing ``kb`` and calls ``done`` after each step.
        check: Given the knowledge base and the steps that were told, returns what is wrong; empty if nothing is.
        start_from: The folder that is copied for it.
        disk_step: How much more room each point of a full disk has; 0 lets it run full after so many steps.
        longest_s: It is killed within this, once it said that it is ready.
    """

    body: str
    check: Callable[[ragedge.KnowledgeBase, list[str]], str]
    start_from: str = "plain"
    disk_step: int = 16 << 10
    longest_s: float = 1.5

    def start(self, folder: Path, scratch: Path) -> subprocess.Popen[str]:
        """Begin it in a process of its own."""
        key = KEY if self.start_from == "sealed" else None
        opening = "" if self.start_from == "slots" else _OPENED.format(key=key, settings=SETTINGS)
        return subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + opening + self.body, str(folder), str(scratch)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def open(self, folder: Path) -> ragedge.KnowledgeBase:
        """Open what is left, with whichever key it has."""
        if self.start_from == "slots":
            return ragedge.open(folder)
        if self.start_from == "plain":
            return opened(folder)
        try:
            return opened(folder, KEY)
        except LockedError:
            return opened(folder, OTHER_KEY)

    def wrong(self, folder: Path, told: list[str]) -> str:
        """Open what is left and look; return what is wrong, empty if nothing is."""
        with self.open(folder) as kb:
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
    """Make what operations start from: a plain and an encrypted knowledge base."""
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


def prepare_device(scratch: Path) -> None:
    """Make a device with a bundle in it, and the releases after it."""
    pack(scratch, RELEASES)
    trusted = [signing.read_public(scratch / "maker.key.pub")]
    slots.install(scratch / f"release-{RELEASES[0]}", scratch / "slots", trusted)


def fresh(scratch: Path, operation: Operation, folder: Path) -> None:
    """Copy the state that an operation starts from; nothing else is left beside it."""
    shutil.rmtree(folder.parent, ignore_errors=True)
    if operation.start_from == "slots" and not (scratch / "slots").exists():
        prepare_device(scratch)
    shutil.copytree(scratch / operation.start_from, folder)


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


def _ingested(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    sources = [source["source"] for source in kb.status()["sources"]]
    new = [source for source in sources if source.startswith("manual-")]
    if len(sources) - len(new) != DOCUMENTS or not set(told) <= set(new):
        return "documents are lost"
    return "" if len(new) in (len(told), len(told) + 1) else f"{len(new)} are there, {len(told)} were told"


def _talked(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    asked = [turn.asked for name in kb.conversations.names() for turn in kb.conversations.turns(name)]
    if asked[: len(told)] != told[-100:] or len(asked) > len(told) + 1:
        return f"{len(asked)} turns of {len(told)}"
    return _all_there(kb, told)


def _copied(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    copies = sorted(int(path.name) for path in kb.path.with_name("copies").glob("[0-9]*"))
    if copies not in (list(range(len(told))), list(range(len(told) + 1))):
        return f"{len(copies)} copies of {len(told)}"
    for number in copies:
        with opened(kb.path.with_name("copies") / str(number), KEY) as copy:
            copy.verify_rows()
            if copy.store.content_digest() != kb.store.content_digest():
                return f"copy {number} holds something else"
    return _all_there(kb, told)


def _installed(kb: ragedge.KnowledgeBase, told: list[str]) -> str:
    release = int(told[-1]) if told else RELEASES[0]
    answer = kb.ask("What torque does the drain plug take?").text
    found = [number for number in (release, release + 1) if f"{torque_of(number)} N·m" in answer]
    return "" if found else f"neither release {release} nor the next answers"


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
        "for i in range(24):\n    kb.remove(f'unit-{i:02}.md')\n    done(f'unit-{i:02}.md')\n",
        _removed,
        disk_step=4 << 10,
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
kb.close()
secret = Secret.of({KEY!r})
for i in range(100000):
    key_changes.rotate(Vault.open(folder, secret=secret), secret)
    done(i)
""",
        _all_there,
        "sealed",
        disk_step=4 << 10,
    ),
    "rebuild": Operation(
        "for i in range(100000):\n    kb.rebuild_index()\n    done(i)\n", _all_there, disk_step=4 << 10
    ),
    "session": Operation(
        "for i in range(1, 100000):\n    kb._parts.vault.write_atomic('sessions/a', b'%08d' % i * 40000)\n    done(i)\n",
        _kept_file,
        "sealed",
    ),
    "ingest": Operation(
        """
for i in range(100000):
    file = scratch / f"manual-{i}.md"
    file.write_text(f"# Manual {i}\\n\\nThe valve of the unit turns {i} degrees.\\n" * 20)
    report = kb.ingest(file)
    assert report.added == [file.name], report.skipped
    done(file.name)
""",
        _ingested,
        longest_s=5.0,
    ),
    "talk": Operation(
        "for i in range(100000):\n    question = f'How far is the valve of unit {i % 24} turned, asked {i} times?'\n"
        "    kb.ask(question, session='talk')\n    done(question)\n",
        _talked,
        "sealed",
    ),
    "change": Operation(
        f"""
kb.close()
secrets = Secret.of({KEY!r}), Secret.of({OTHER_KEY!r})
for i in range(3000):
    old, new = secrets[i % 2], secrets[(i + 1) % 2]
    key_changes.change_secret(Vault.open(folder, secret=old), old, new)
    done(i)
""",
        _all_there,
        "sealed",
        disk_step=0,
    ),
    "encrypt": Operation(
        f"""
kb.close()
copies = folder.with_name("copies")
copies.mkdir()
for i in range(100000):
    key_changes.encrypt(Vault.open(folder), copies / str(i), Secret.of({KEY!r}))
    done(i)
""",
        _copied,
        disk_step=64 << 10,
    ),
    "install": Operation(
        f"""
from types import SimpleNamespace
from ragedge.bundle import signing, slots
# It looks how much room there is before it writes anything; this disk is filled by somebody else meanwhile.
slots.shutil.disk_usage = lambda path: SimpleNamespace(free=1 << 40)
trusted = [signing.read_public(scratch / "maker.key.pub")]
done("ready")
for i in range({RELEASES[1]}, {RELEASES[-1] + 1}):
    slots.install(scratch / f"release-{{i}}", folder, trusted)
    done(i)
""",
        _installed,
        "slots",
        disk_step=24 << 10,
        longest_s=6.0,
    ),
}
