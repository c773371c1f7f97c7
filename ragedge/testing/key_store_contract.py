"""What every key store must do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ragedge import plugins
from ragedge.errors import LockedError

if TYPE_CHECKING:
    from ragedge.protocols import KeyStore

_KEY = bytes(range(32))


class KeyStoreContract:
    """Subclass it, set ``plugin``, and override ``options`` if the factory needs any.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.key_store``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return what the factory is given."""
        return {}

    @pytest.fixture
    def store(self, options: Mapping[str, Any]) -> KeyStore:
        """Build the store."""
        made: KeyStore = plugins.create("key_store", self.plugin, options)
        return made

    def test_what_was_wrapped_comes_back(self, store: KeyStore) -> None:
        assert store.unwrap(store.wrap(_KEY)) == _KEY

    def test_the_key_does_not_stand_in_what_is_stored(self, store: KeyStore) -> None:
        wrapped = store.wrap(_KEY)
        assert _KEY not in wrapped
        assert _KEY[::-1] not in wrapped

    def test_a_new_instance_opens_it(self, store: KeyStore, options: Mapping[str, Any]) -> None:
        wrapped = store.wrap(_KEY)
        assert plugins.create("key_store", self.plugin, options).unwrap(wrapped) == _KEY

    @pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda b: b"", lambda b: b[:-1] + bytes([b[-1] ^ 1])])
    def test_harm_is_refused(self, store: KeyStore, harm: Any) -> None:
        with pytest.raises(LockedError):
            store.unwrap(harm(store.wrap(_KEY)))
