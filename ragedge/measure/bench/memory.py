"""What a model takes in memory: planned from its shape before it runs, and measured while it does."""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragedge.models.store import ModelFolder


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The parts of a process that holds so many tokens, in bytes.

    Attributes:
        loaded: Interpreter, libraries and weights, measured once after loading; nothing was read yet.
        table: Rows of the embedding table, which come into memory with the tokens that are read.
        cache: Keys and values.
        activations: What a run over one chunk of the prompt holds at its widest.
        load_peak: The most that loading itself took: weights are there twice while they are laid out anew.
    """

    loaded: int
    table: int
    cache: int
    activations: int
    load_peak: int

    @property
    def total(self) -> int:
        """The peak that is expected."""
        return max(self.load_peak, self.loaded + self.table + self.cache + self.activations)

    def as_dict(self) -> dict[str, float]:
        """Return it in MB."""
        return {f"{key}_mb": round(value / 1e6, 1) for key, value in asdict(self).items()}


def plan(folder: ModelFolder, *, tokens: int, chunk: int, loaded: int, load_peak: int) -> MemoryPlan:
    """Plan the memory of a generator that has read so many tokens.

    Args:
        folder: An installed generator.
        tokens: Prompt and answer together.
        chunk: Most tokens of one run.
        loaded: Resident bytes after loading, measured.
        load_peak: The peak while loading, measured.

    A token's key and value are 8 * layers * kv_heads * head_dim bytes. At its widest, in the feed-forward, a run
    holds for each of its tokens the residual and its norm, and gate and up three times over: fused, apart, and
    active beside multiplied.
    """
    facts = folder.manifest.decoder
    assert facts is not None
    shapes = _shapes(folder.path / "model.onnx")
    run = min(chunk + 1, tokens)
    return MemoryPlan(
        loaded=loaded,
        table=shapes.table_bytes,
        cache=8 * facts.layers * facts.kv_heads * facts.head_dim * tokens,
        activations=4 * run * (2 * shapes.hidden + 3 * shapes.widest),
        load_peak=load_peak,
    )


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Of a graph: the table's bytes, the width of the hidden state, and of the widest product in a layer."""

    table_bytes: int
    hidden: int
    widest: int


def _shapes(path: Path) -> _Shapes:
    """Read the widths off the graph, whatever quantization it has; its weights are not loaded."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    dims = {one.name: (one.data_type, tuple(one.dims)) for one in model.graph.initializer}
    table = hidden = widest = 0
    for node in model.graph.node:
        given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "GatherBlockQuantized" or (node.op_type == "Gather" and "input_ids" in node.input):
            for name in node.input:
                if name in dims:
                    kind, shape = dims[name]
                    table += math.prod(shape) * onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize
        elif node.op_type not in ("MatMulNBits", "MatMul") or node.input[1] not in dims:
            continue
        elif node.output[0].startswith("logits"):
            hidden = given["K"] if "K" in given else dims[node.input[1]][1][0]
        else:
            widest = max(widest, given["N"] if "N" in given else dims[node.input[1]][1][-1])
    return _Shapes(table, hidden, widest)


def resident_bytes(process: int | None = None) -> int | None:
    """Return what a process, or this one, has in memory now; None where the system does not tell."""
    return _status("VmRSS", process)


def peak_bytes() -> int | None:
    """Return the most this process has had in memory; None where the system does not tell."""
    if (found := _status("VmHWM", None)) is not None:
        return found
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _status(field: str, process: int | None) -> int | None:
    try:
        lines = Path(f"/proc/{process or 'self'}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)
