"""Short names are read as the long ones that the documents give them, and back."""

import numpy as np
import pytest

from ragedge.datatypes import Chunk, Document, Page, Span
from ragedge.index.store import Store
from ragedge.privacy.vault import Vault
from ragedge.retrieve.abbreviations import Abbreviations, long_names

TEXTS = (
    "The Crankshaft Position Sensor (CPS) sits behind the flywheel.",
    "Replace the CPS if the engine stalls.", "The CPS connector is grey.", "CPS gap: 1.2 mm.",
    "TPW: Tire Pressure Warning\nALB: Anti-lock Brakes",
    "The tire pressure warning lights up.", "Reset the tire pressure warning.",
    "The tip of the jack (TIP) is hard.",
)  # fmt: skip


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    store = Store.create(
        Vault.open(tmp_path_factory.mktemp("short") / "kb", create=True),
        embedder_name="tiny", fingerprint="f" * 64, dim=4,
    )  # fmt: skip
    pages = tuple(Page(n, text) for n, text in enumerate(TEXTS, 1))
    chunks = [Chunk(text, (Span(n, 0, len(text)),)) for n, text in enumerate(TEXTS)]
    rows = np.eye(4, dtype=np.float32)[np.arange(len(TEXTS)) % 4]
    store.put_document("m.md", "0" * 64, Document("m.md", "text/markdown", pages), chunks, rows)
    yield Abbreviations(store)
    store.close()


@pytest.mark.parametrize(
    ("question", "others"),
    [
        ("Where is the crankshaft position sensor?", ["cps"]),
        ("What does TPW mean?", ["tire pressure warning"]),
        ("how do i reset the tpw", ["tire pressure warning"]),
        ("Where is the CPS?", []),  # used more often than its long name
        ("How do I reset the tire pressure warning?", []),
        ("Which way does the tip of the jack point?", []),
        ("XYZ?", []),
        ("", []),
    ],
)
def test_the_name_that_the_documents_use_more_is_added(names, question, others):
    assert names.other_names(question) == others


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ECU", "by the Electronic Control Unit (ECU).", ["electronic control unit"]),
        ("ecu", "| ECU | Electronic Control Unit |", ["electronic control unit"]),
        ("ABS", "ABS  Anti-lock Braking System", ["anti-lock braking system"]),
        ("PTO", "PTO - Power Take-Off", ["power take off"]),
        ("SOC", "a SOC (state of charge) of 80 %", ["state of charge"]),
        ("ICE", "internal combustion engines (ICEs)", ["internal combustion engines"]),
        ("ECU", "Remove the cover (ECU)", []),
        ("ECU", "ECU: see page 3", []),
        ("is", "this is: it stands", []),
    ],
)
def test_a_long_name_counts_if_its_letters_spell_the_short_one(name, text, expected):
    assert list(long_names(name, text)) == expected
