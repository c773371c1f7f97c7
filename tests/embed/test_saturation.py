from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ragedge.embed.encoder_runs import encoder_feeds
from ragedge.runtime.cpu_backend import CpuBackend
from ragedge.runtime.saturation import exact_product_entries, has_vnni
from ragedge.runtime.session import open_session

CPUINFO = "processor\t: 0\nmodel name\t: A\nflags\t\t: fpu sse2 avx2{}\n\nprocessor\t: 1\nflags\t\t: fpu\n"


@pytest.mark.parametrize(
    ("flags", "found"), [("", False), (" avx512_vnni", True), (" avx_vnni", True), (" avx512_vnni2", False)]
)
def test_vnni_is_read_from_the_kernels_list(flags: str, found: bool) -> None:
    assert has_vnni(CPUINFO.format(flags)) is found


def test_an_unknown_processor_is_taken_to_lack_it() -> None:
    assert not has_vnni("")


def test_exact_products_give_the_same_vectors(minilm_dir: Path) -> None:
    """What this processor computes by its own setting is what unsigned weights compute."""
    own, exact = (
        open_session(minilm_dir / "model.onnx", CpuBackend(), threads=1, entries=entries)
        for entries in (exact_product_entries(), {"session.x64quantprecision": "1"})
    )
    feeds = encoder_feeds(own, range(1000, 1060))
    np.testing.assert_array_equal(own.run(feeds)["embedding"], exact.run(feeds)["embedding"])
