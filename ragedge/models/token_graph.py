"""An encoder's vectors of single tokens, out of the graph that was compiled for whole texts.

They are there before the pooling, under a name inside the graph. Naming them as an output, in memory, needs no
second file, and works with models that were compiled before anybody asked for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragedge.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

_LAST = ("SkipLayerNormalization", "LayerNormalization")


def with_token_vectors(path: Path, dim: int) -> tuple[bytes, str]:
    """Return a graph's bytes with one more output, and that output's name: (batch, seq, dim), not normalised.

    Raises:
        ModelError: the graph has no such place, or cannot be read.
    """
    import onnx

    try:
        model = onnx.load(path)
    except Exception as exc:  # protobuf raises errors of its own kind
        raise ModelError(
            f"{path.parent.name}/{path.name} could not be read: {type(exc).__name__}",
            hint="ragedge models verify",
        ) from exc
    last = [node for node in model.graph.node if node.op_type in _LAST]
    if not last:
        raise ModelError(
            f"{path.parent.name}/{path.name} has no vectors of single tokens",
            hint="set retrieve.reranker to none",
        )
    name = last[-1].output[0]
    shape = ["batch", "seq", dim]
    model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    return model.SerializeToString(), name
