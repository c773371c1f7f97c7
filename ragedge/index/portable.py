"""Makes a copy of the rows fit to leave: documents and what tuning found go, what people said and did stays."""

from __future__ import annotations

from dataclasses import replace

from ragedge.index import documents, full_text, manifest
from ragedge.privacy.store_failures import store_failures
from ragedge.privacy.vault import Vault

# All others are emptied, those that do not exist yet too: questions as they were asked, what was tried on them, who
# did what. Of SQLite's own and those of the full text every row goes with what it is about.
_GO = frozenset({"documents", "pages", "chunks", "vectors", "fts", "manifest", "tuned"})
_OWN = ("sqlite_", "_sqlite_", "fts_")
# Of the facts about the whole: who built the vectors, the number of its state, the fitted threshold.
_NOTES = ("name", "fingerprint", "dim", "generation", "removed", "note.calibration")


def make_portable(copy: Vault) -> None:
    """Take out of a copied database what belongs to its device, and lay it out anew; equal rows give equal bytes.

    Raises:
        StoreError: it cannot be written.
    """
    connection = copy.connect()
    with store_failures(copy.path):
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN IMMEDIATE")
            names = [
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            for table in names:
                if table not in _GO and not table.startswith(_OWN):
                    connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 -- our own names
                    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table])
            marks = ", ".join("?" * len(_NOTES))
            connection.execute(f"DELETE FROM manifest WHERE key NOT IN ({marks})", _NOTES)  # noqa: S608
            for record in documents.records(connection):
                # The folder that a file lay in and when it was changed tell of the machine, not of the document.
                documents.rewrite(connection, record.source, replace(record, origin="", stamp=""))
            if manifest.has_removed(connection):
                full_text.forget_removed(connection)
                manifest.set_removed(connection, False)
            connection.execute("COMMIT")
            connection.execute("VACUUM")
        finally:
            connection.close()
