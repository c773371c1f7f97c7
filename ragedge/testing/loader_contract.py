"""The suite that every loader must pass: subclass it and override ``make_loader`` and ``sample``."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragedge.datatypes import SKIP_CODES
from ragedge.errors import SourceError
from ragedge.protocols import Loader


class LoaderContract:
    """What any loader must do with its own kind of file, whole or broken."""

    def make_loader(self) -> Loader:
        """Build the loader under test."""
        raise NotImplementedError

    def sample(self) -> bytes:
        """Return a small file of its kind that holds the words ``drain plug``."""
        raise NotImplementedError

    def test_it_reads_its_sample(self) -> None:
        document = self.make_loader().load(self.sample(), "folder/sample.bin")
        assert document.source == "folder/sample.bin"
        assert any("drain plug" in page.text for page in document.pages)

    def test_it_names_what_it_reads(self) -> None:
        loader = self.make_loader()
        document = loader.load(self.sample(), "sample")
        assert document.media_type in loader.media_types

    def test_blocks_lie_in_order_inside_their_page(self) -> None:
        for page in self.make_loader().load(self.sample(), "sample").pages:
            at = 0
            for block in page.blocks:
                assert at <= block.start < block.end <= len(page.text)
                assert (block.level > 0) == (block.kind == "heading")
                at = block.end

    def test_pages_count_from_one_or_have_no_number(self) -> None:
        numbers = [page.number for page in self.make_loader().load(self.sample(), "sample").pages]
        assert numbers in ([None], list(range(1, len(numbers) + 1)))

    def test_text_has_no_control_characters(self) -> None:
        for page in self.make_loader().load(self.sample(), "sample").pages:
            assert not [char for char in page.text if ord(char) < 32 and char not in "\n\t"]
            page.text.encode("utf-8")

    def test_reading_twice_gives_the_same(self) -> None:
        loader = self.make_loader()
        assert loader.load(self.sample(), "sample") == loader.load(self.sample(), "sample")

    @given(data=st.data())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    def test_a_broken_file_is_a_source_error_or_text(self, data: st.DataObject) -> None:
        sample = bytearray(self.sample())
        del sample[data.draw(st.integers(1, len(sample))) :]
        for _ in range(data.draw(st.integers(0, 6))):
            sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.integers(0, 255))
        try:
            document = self.make_loader().load(bytes(sample), "broken")
        except SourceError as exc:
            assert exc.code in SKIP_CODES
        else:
            assert all(isinstance(page.text, str) for page in document.pages)

    def test_unknown_options_are_refused(self) -> None:
        """Override where a factory cannot be found from the loader."""
        import sys

        from ragedge.errors import ConfigError

        module = type(self.make_loader()).__module__
        package = sys.modules[module if hasattr(sys.modules[module], "create") else module.rpartition(".")[0]]
        with pytest.raises(ConfigError):
            package.create({"no_such_option": 1})
