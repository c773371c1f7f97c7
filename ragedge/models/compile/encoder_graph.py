"""Collects the nodes and constants of an encoder's graph, and packs its weights.

Weights are packed in one of two schemes. ``int8``: one scale per output channel, activations quantized while
running (DynamicQuantizeMatMul); ``nbits8``: one scale and zero point per 32 weights (MatMulNBits), about ten
times closer to float and half as fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragedge.errors import UnsupportedModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float32 = NDArray[np.float32]

Scheme = Literal["int8", "nbits8"]
SCHEMES: tuple[str, ...] = ("int8", "nbits8")
CONTRIB = "com.microsoft"
BLOCK = 32
_ROWS_AT_ONCE = 2048
OPSET, CONTRIB_OPSET, IR_VERSION = 17, 1, 9
_MOST_GRAPH_BYTES = 2**31 - 2**20  # protobuf cannot hold more in one file


class GraphBuilder:
    """Nodes and constants in the order they were added."""

    def __init__(self) -> None:
        from onnx import ModelProto

        # Filled in place: assembling a model from parts copies every weight twice.
        self._model: Any = ModelProto()
        self._names: set[str] = set()

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Keep an array under a name and return the name; the same name twice keeps the first."""
        from onnx import helper

        if name not in self._names:
            self._names.add(name)
            tensor = self._model.graph.initializer.add()
            tensor.name = name
            tensor.data_type = helper.np_dtype_to_tensor_dtype(values.dtype)
            tensor.dims.extend(values.shape)
            tensor.raw_data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        return name

    def add(
        self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any
    ) -> str:
        """Add a node with one output and return the output's name."""
        from onnx import helper

        self._model.graph.node.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output

    def split(self, x: str, outputs: list[str]) -> list[str]:
        """Cut the last axis into equal parts and return their names."""
        from onnx import helper

        node = helper.make_node("Split", [x], outputs, name=f"{x}.split", axis=-1)
        self._model.graph.node.append(node)
        return outputs

    def linear(self, x: str, weight: Float32, bias: Float32, output: str, scheme: Scheme) -> str:
        """Add ``output = x @ weight.T + bias``.

        Args:
            x: Input's name, (batch, seq, k).
            weight: (n, k).
            bias: (n,).
            output: Its name, and the root of its constants' names.
            scheme: How the weight is packed; one whose k is no multiple of 32 is packed as ``int8``.
        """
        channels, width = weight.shape
        if scheme == "nbits8" and width % BLOCK == 0:
            codes, scale, zero = pack_blocks(weight)
            return self.add(
                "MatMulNBits",
                [
                    x,
                    self.constant(f"{output}.weight", codes.reshape(channels, width // BLOCK, BLOCK)),
                    self.constant(f"{output}.scale", scale.reshape(-1)),
                    self.constant(f"{output}.zero", zero.reshape(-1)),
                    "",
                    self.constant(f"{output}.bias", bias),
                ],
                output,
                domain=CONTRIB,
                K=width,
                N=channels,
                bits=8,
                block_size=BLOCK,
                accuracy_level=4,
            )
        codes8, scale8 = pack_channels(weight)
        return self.add(
            "DynamicQuantizeMatMul",
            [
                x,
                self.constant(f"{output}.weight", codes8.T),
                self.constant(f"{output}.scale", scale8),
                self.constant(f"{output}.zero", np.zeros(channels, np.int8)),
                self.constant(f"{output}.bias", bias),
            ],
            output,
            domain=CONTRIB,
        )

    def save(self, path: Path, inputs: list[Any], outputs: list[Any], name: str) -> None:
        """Write the graph as one file; equal graphs give equal bytes.

        Raises:
            UnsupportedModelError: it is larger than one file can hold.
        """
        from onnx import helper

        model = self._model
        model.ir_version, model.producer_name, model.graph.name = IR_VERSION, "ragedge", name
        model.opset_import.extend(
            [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, CONTRIB_OPSET)]
        )
        model.graph.input.extend(inputs)
        model.graph.output.extend(outputs)
        size = model.ByteSize()
        if size > _MOST_GRAPH_BYTES:
            raise UnsupportedModelError(
                f"the compiled encoder would be {size / 1e9:.1f} GB; at most 2 GB fit one graph",
                hint="import a smaller encoder",
            )
        with path.open("wb") as file:
            file.write(model.SerializeToString(deterministic=True))


def pack_channels(weight: Float32) -> tuple[NDArray[np.int8], Float32]:
    """Round a weight to int8 with one scale per output channel.

    Args:
        weight: (n, k).

    Returns:
        codes: (n, k), int8 in [-127, 127].
        scale: (n,), float32; ``codes * scale[:, None]`` is within half a scale of the weight.
    """
    codes = np.empty(weight.shape, np.int8)
    scale = np.empty(len(weight), np.float32)
    # A few rows at a time: the word embeddings are most of a model, and rounding takes several copies.
    for start in range(0, len(weight), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        step = np.abs(weight[rows]).max(axis=1) / 127
        step[step == 0] = 1.0
        codes[rows] = np.clip(np.rint(weight[rows] / step[:, None]), -127, 127)
        scale[rows] = step
    return codes, scale


def pack_blocks(weight: Float32) -> tuple[NDArray[np.uint8], Float32, NDArray[np.uint8]]:
    """Round a weight to uint8 with a scale and zero point for each run of 32 in a row.

    Args:
        weight: (n, k); k is a multiple of 32.

    Returns:
        codes: (n, k), uint8.
        scale: (n, k / 32), float32.
        zero: (n, k / 32), uint8; ``(codes - zero) * scale`` is within one scale of the weight.
    """
    channels, width = weight.shape
    blocks = weight.reshape(channels, width // BLOCK, BLOCK)
    # Zero is always inside the range, so that the zero point is a code.
    high, low = np.maximum(blocks.max(-1), 0), np.minimum(blocks.min(-1), 0)
    scale = ((high - low) / 255).astype(np.float32)
    scale[scale == 0] = 1.0
    zero = np.clip(np.rint(-low / scale), 0, 255)
    codes = np.clip(np.rint(blocks / scale[..., None]) + zero[..., None], 0, 255).astype(np.uint8)
    return codes.reshape(channels, width), scale, zero.astype(np.uint8)
