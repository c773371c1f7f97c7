"""Lets one generation at a time use the decoder; the others queue."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Turns:
    """Whose turn it is.

    A generation keeps the turn from its first token to its end, also while its reader pauses between
    tokens. A thread that begins a second one before the first is finished would wait for itself: there,
    the new one takes the turn, and the old one reads its text again when it goes on.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holder: object | None = None
        self._thread = 0

    def take(self, who: object, wanted: Callable[[], bool]) -> bool:
        """Wait for the turn.

        Args:
            who: Takes it, and keeps it if it has it; a ticket, held until it is given back.
            wanted: False gives up waiting; ``wake`` makes it asked again.

        Returns:
            True when who did not have the turn before, so that the decoder may hold another's text.
        """
        me = threading.get_ident()
        with self._changed:
            if self._holder is who:
                self._thread = me
                return False
            while wanted() and self._holder is not None and self._thread != me:
                self._changed.wait()
            if wanted():
                self._holder, self._thread = who, me
            return True

    def holds(self, who: object) -> bool:
        """Whether who has the turn."""
        with self._changed:
            return self._holder is who

    def give_back(self, who: object) -> None:
        """End the turn of who, if it has it."""
        with self._changed:
            if self._holder is who:
                self._holder = None
                self._changed.notify_all()

    def wake(self) -> None:
        """Make everyone who waits ask again whether it still wants to."""
        with self._changed:
            self._changed.notify_all()
