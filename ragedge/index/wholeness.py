"""Whether a database is whole: its rows by their digests, its pages by the seal, and making good what can be."""

from __future__ import annotations

from ragedge.errors import DamagedError
from ragedge.index import documents, full_text, verify
from ragedge.index.connections import Connections
from ragedge.index.seal import Seal, broken
from ragedge.privacy.vault import Vault


class Wholeness:
    """Of one store.

    Attributes:
        seal: On the database as a whole.
    """

    def __init__(self, vault: Vault, connections: Connections, dim: int) -> None:
        self.seal = Seal(vault, connections)
        self._vault = vault
        self._connections = connections
        self._dim = dim

    def verify(self) -> list[DamagedError]:
        """Check the database's pages and every row against its digest; an empty list is good news."""
        with self._connections.read() as connection:
            found = verify.page_problems(connection, self._rebuild)
            found += verify.noted_problems(connection)
            found += verify.row_problems(connection, self._dim)
        return found or ([broken(self._vault)] if self.seal.is_broken else [])

    def check_whole(self) -> None:
        """Look at the seal; costs a pass over the database, for whoever searches it, once.

        Where single rows are damaged, they are refused when they are about to reach an answer and the others
        go on answering; what is no row's damage could change what is found, and is refused here.

        Raises:
            DamagedError: the full text, an index or a definition is not as it was written.
        """
        with self._connections.read() as connection:
            for problem in verify.noted_problems(connection, ("manifest", "settings", "tuned")):
                raise problem
            if not self.seal.is_broken:
                return
            for problem in verify.page_problems(connection, self._rebuild):
                raise problem
            if not verify.row_problems(connection, self._dim):
                raise broken(self._vault)

    def put_seal_on(self, *, anew: bool = False) -> None:
        """Seal what is there now, for whoever opens it next.

        Args:
            anew: First make again what follows from the rows: the full text and SQLite's indexes. That mends a
                broken seal, if all the rows are whole.
        """
        if anew or (self.seal.is_broken and self.seal.has_written):
            self._make_again()
        else:
            self.seal.put_on()

    @property
    def _rebuild(self) -> str:
        return f"ragedge index rebuild --kb {self._vault.path}"

    def _make_again(self) -> None:
        with self._connections.write() as connection:
            documents.index_text_again(connection)
            full_text.forget_removed(connection)
        with self._vault.writer(), self._connections.bare() as connection:
            connection.execute("REINDEX")
        with self._connections.read() as connection:
            problems = [
                *verify.page_problems(connection, self._rebuild),
                *verify.noted_problems(connection),
                *verify.row_problems(connection, self._dim),
            ]
        self.seal.put_on(mended=not problems)
