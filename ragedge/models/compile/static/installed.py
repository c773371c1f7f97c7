"""Reads an installed model's weights back from the graph that it was compiled to.

The weights lie there as integer codes with steps. Read back, they are the floats that the processor's own graph
computes with, so that a graph for another device differs from it by its arithmetic alone, and no source file is
needed on the device.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import ModelIntegrityError, UnsupportedModelError
from ragedge.models.compile.adapter_graph import SUMS, WITH_SUMS, WITHOUT_SUMS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

    Float32 = NDArray[np.float32]

GRAPH = "model.onnx"


class InstalledWeights:
    """The constants and nodes of a model folder's graph."""

    def __init__(self, folder: Path) -> None:
        import onnx

        path = folder / GRAPH
        try:
            model = onnx.load(path)
        except Exception as exc:  # protobuf's, onnx's and the system's own errors
            raise ModelIntegrityError(
                f"{folder.name}/{GRAPH} cannot be read: {type(exc).__name__}",
                hint=f"ragedge models verify {folder.name}",
            ) from exc
        self.name = folder.name
        self._tensors = {one.name: one for one in model.graph.initializer}
        self._nodes = {output: node for node in model.graph.node for output in node.output}

    def node(self, output: str) -> NodeProto:
        """Return the node that computes a tensor.

        Raises:
            UnsupportedModelError: none does: another family than the static graphs know.
        """
        if output not in self._nodes:
            raise UnsupportedModelError(
                f"model {self.name} has no {output!r}; static graphs are made of BERT-family encoders and of "
                "llama and qwen2 decoders",
                hint="see docs/backends.md",
            )
        return self._nodes[output]

    def attribute(self, output: str, name: str, default: Any = None) -> Any:
        """Return an attribute of the node that computes a tensor."""
        from onnx import helper

        for attribute in self.node(output).attribute:
            if attribute.name == name:
                return helper.get_attribute_value(attribute)
        return default

    def __contains__(self, name: str) -> bool:
        return name in self._tensors or name in self._nodes

    def array(self, name: str) -> NDArray[Any]:
        """Return a constant."""
        from onnx import numpy_helper

        if name not in self._tensors:
            raise UnsupportedModelError(
                f"model {self.name} has no constant {name!r}", hint="see docs/backends.md"
            )
        return np.asarray(numpy_helper.to_array(self._tensors[name]))

    def linear(self, output: str) -> tuple[Float32, Float32 | None]:
        """Return a projection's weight (n, k) and its bias (n,), if it has one."""
        node = self.node(output)
        if node.op_type == "DynamicQuantizeMatMul":
            codes, scale = self.array(node.input[1]), self.array(node.input[2])  # (k, n), (n,)
            zero = self._optional(node, 3)
            centred = codes.astype(np.float32) - (0 if zero is None else zero.astype(np.float32))
            return np.ascontiguousarray((centred * scale).T), self._optional(node, 4)
        if node.op_type == "MatMulNBits":
            return self._blocks(node), self._optional(node, 5)
        if node.op_type == "Concat":  # parts in codes of their own, one above the other
            parts_of = [self.linear(name)[0] for name in node.input]
            return np.concatenate(parts_of), None
        if (
            node.op_type == "Split"
        ):  # several projections in one product: rows of its weight, one after another
            weight, bias = self.linear(node.input[0])
            place, parts = list(node.output).index(output), len(node.output)
            return np.split(weight, parts)[place], None if bias is None else np.split(bias, parts)[place]
        raise UnsupportedModelError(
            f"model {self.name} computes {output!r} by {node.op_type}, which is not read back",
            hint="see docs/backends.md",
        )

    def bias(self, output: str) -> Float32 | None:
        """Return a projection's bias alone; reading its weight takes time."""
        node = self.node(output)
        places = {"DynamicQuantizeMatMul": 4, "MatMulNBits": 5}
        return (
            self._optional(node, places[node.op_type]) if node.op_type in places else self.linear(output)[1]
        )

    def table(self, output: str) -> Float32:
        """Return the embeddings (rows, width) that a node looks up in."""
        node = self.node(output)
        if node.op_type == "Mul" and f"{output}.codes" in self:  # a step for each row
            codes, steps = self.array(f"{output}.codes"), self.array(f"{output}.scale")
            return np.asarray(codes.astype(np.float32) * steps, np.float32)
        if node.op_type == "Where":
            return np.concatenate([self.table(name) for name in node.input[1:]])
        if node.op_type != "GatherBlockQuantized":
            raise UnsupportedModelError(
                f"model {self.name} looks {output!r} up by {node.op_type}, which is not read back",
                hint="see docs/backends.md",
            )
        bits = int(self.attribute(output, "bits"))
        codes = _unpacked(self.array(node.input[0]), bits)
        scale = self.array(node.input[2]).reshape(len(codes), -1)
        zero = self._optional(node, 3)
        middle: Any = np.float32(1 << (bits - 1))
        if zero is not None:
            unpacked = _unpacked(zero.reshape(len(codes), -1), bits)
            middle = unpacked[:, : scale.shape[1], None].astype(np.float32)
        blocks = codes.reshape(len(codes), scale.shape[1], -1).astype(np.float32)
        return np.ascontiguousarray(((blocks - middle) * scale[..., None]).reshape(len(codes), -1))

    def _blocks(self, node: NodeProto) -> Float32:
        """Return a MatMulNBits weight, (N, K)."""
        bits = int(self.attribute(node.output[0], "bits"))
        codes = _unpacked(self.array(node.input[1]), bits)  # (n, blocks, block)
        rows, blocks = codes.shape[:2]
        scale = self.array(node.input[2]).reshape(rows, blocks)
        zero = self._optional(node, 3)
        middle: Any = np.float32(1 << (bits - 1))
        if zero is not None:
            packed = zero.reshape(rows, -1)
            middle = _unpacked(packed, bits)[:, :blocks, None].astype(np.float32)
        weight = (codes.astype(np.float32) - middle) * scale[..., None]
        weight = weight.reshape(rows, -1)[:, : int(self.attribute(node.output[0], "K"))]
        if node.input[0].endswith(SUMS):  # behind the weights, what each block's are all raised by
            columns = WITHOUT_SUMS * weight.shape[1] // WITH_SUMS
            weight = weight[:, :columns] + np.repeat(weight[:, columns:], WITHOUT_SUMS, axis=1)
        return np.ascontiguousarray(weight)

    def _optional(self, node: NodeProto, place: int) -> NDArray[Any] | None:
        name = node.input[place] if len(node.input) > place else ""
        return self.array(name) if name else None


def _unpacked(codes: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return codes one to a byte; of 4 bits there are two, the first in the low half."""
    if bits == 8 or codes.dtype != np.uint8:
        return codes
    if bits != 4:
        raise UnsupportedModelError(f"weights of {bits} bits are not read back", hint="see docs/backends.md")
    return np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:-1], -1)
